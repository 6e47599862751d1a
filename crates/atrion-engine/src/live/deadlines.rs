// SPDX-License-Identifier: Apache-2.0
//! Requests with a deadline: which of them are refused for it, and which were answered past it.
//!
//! Requests without one touch nothing here.

use std::time::Duration;

use atrion_core::adaptive::Expected;
use atrion_core::{Mono, Reason, Tier};

use super::Live;
use super::control::Force;
use super::sync::{AtomicU32, Ordering::Relaxed};

/// What the pulse has published of how long answers take, and what happened since it last looked.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Of [`Expected`], as floats of half the size. A reader may see those of two neighbouring
    /// ticks.
    service: AtomicU32,
    at_work: AtomicU32,
    each: AtomicU32,
    /// Requests whose deadline was over when they came. Wraps.
    expired: AtomicU32,
    /// Answers past their deadline and within the SLO. Wraps.
    missed: AtomicU32,
}

impl Live {
    pub(super) fn publish_expected(&self, expected: &Expected) {
        let Deadlines { service, at_work, each, .. } = &self.deadlines;
        for (cell, value) in [(service, expected.service), (at_work, expected.at_work), (each, expected.each)]
        {
            cell.store((value as f32).to_bits(), Relaxed);
        }
    }

    fn expected(&self) -> Expected {
        let Deadlines { service, at_work, each, .. } = &self.deadlines;
        let read = |cell: &AtomicU32| f64::from(f32::from_bits(cell.load(Relaxed)));
        Expected { service: read(service), at_work: read(at_work), each: read(each) }
    }

    /// How long the answer would take to a request that cannot have it by `due`. Counts it as
    /// refused; `None` is no refusal.
    pub(crate) fn refuse_too_late(&self, slot: usize, tier: Tier, due: Mono, now: Mono) -> Option<Duration> {
        let control = self.control();
        if matches!(control.force(), Force::Open | Force::Closed) {
            return None;
        }
        let (expected, crowd) = (self.expected(), self.exact_in_flight() as f64);
        let has_expired = due <= now;
        if !has_expired && now.after(expected.soonest(crowd)) <= due {
            return None;
        }
        if has_expired {
            self.deadlines.expired.fetch_add(1, Relaxed);
        }
        self.lane(slot).shed(Reason::TooLate, tier);
        self.touch();
        (!control.is_shadow()).then(|| expected.answer(crowd))
    }

    /// An answer within the SLO came past its deadline. It is counted as an answer that says nothing
    /// of the callee's health, and told people as late.
    #[cold]
    pub(crate) fn missed_its_deadline(&self) {
        self.deadlines.missed.fetch_add(1, Relaxed);
    }

    /// Requests that came past their deadline: no load, whatever the gate does.
    pub(crate) fn expired(&self) -> u32 {
        self.deadlines.expired.load(Relaxed)
    }

    pub(crate) fn missed(&self) -> u32 {
        self.deadlines.missed.load(Relaxed)
    }
}
