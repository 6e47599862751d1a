// SPDX-License-Identifier: Apache-2.0
//! The charge (`manual/physics.md` section 3.3): which calls in flight are no reason to refuse a
//! request.
//!
//! Calls that wait for something else than the service (uploads that dawdle, long polls, clients that
//! hang) fill N* and take no capacity. Once they are overtaken they are out of the crowd. But that
//! takes time and the answer to a younger call, and as long as such calls keep coming they keep
//! all others out. Their tier tells them:
//!
//! - What is *stuck*, because it has been in flight for longer than the usual work and nothing was
//!   answered since, may hang with the service or wait for its own client. It counts against its own
//!   tier and lower ones. Requests of a higher tier pass it, and find out which of the two it is.
//! - Where most calls of a tier are overtaken in the end, most of those in flight will be, too. Each
//!   counts for the work that is to be expected of it.

use super::window::real;
use super::{Tick, Window};
use crate::Tier;

const TIERS: usize = Tier::ALL.len();

/// What the calls of each tier have been like lately, and what follows from it for the gate. By
/// tier, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Charge {
    /// Calls that were overtaken.
    overtaken: [f64; TIERS],
    /// Calls that started beside those and ended before they could be.
    settled: [f64; TIERS],
    uncharged: [u32; TIERS],
}

impl Charge {
    /// `patience` is the age in seconds at which a call can be overtaken, 0 while unknown; `target`
    /// is N*. Well is a route that answers, mostly without failures, and has not become slower.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, patience: f64, target: f64, is_well: bool) {
        self.learn(tick, window, patience);
        let odds = if is_well { self.odds() } else { [0.0; TIERS] };
        let count = |calls: [u32; TIERS]| calls.map(|calls| real(calls.into()));
        let (young, stuck) = (count(window.young), count(window.stuck));
        // Of each call of such a tier 1/(1 + odds) is work. Of work one in LONG is as old as what is
        // stuck: the others have been answered, so the odds there are so many times as high.
        let idle_of = |calls: f64, odds: f64| calls * odds / (1.0 + odds);
        let idle: [f64; TIERS] = core::array::from_fn(|tier| {
            let (old, odds) = (stuck[tier].min(young[tier]), odds[tier]);
            idle_of(young[tier] - old, odds) + idle_of(old, LONG * odds)
        });
        let no_work: f64 = idle.iter().sum();
        let (mut of_lower, mut to_come) = (0.0, 0.0);
        for tier in (0..TIERS).rev() {
            // With each call of work that comes before the next tick, so many come that are none.
            to_come += target * odds[tier];
            self.uncharged[tier] = (no_work + of_lower + to_come) as u32;
            of_lower += (stuck[tier] - idle[tier]).max(0.0);
        }
    }

    /// How many of the crowd a request is not charged with, by its tier.
    pub(super) const fn uncharged(&self) -> [u32; TIERS] {
        self.uncharged
    }

    /// Anything was overtaken lately, so the calls in flight must be counted.
    pub(super) fn is_on(&self) -> bool {
        self.overtaken.iter().any(|calls| *calls > 0.0)
    }

    fn learn(&mut self, tick: &Tick, window: &Window, patience: f64) {
        if tick.seconds <= 0.0 || patience <= 0.0 {
            return;
        }
        if !self.is_on() && window.newly_overtaken == [0; TIERS] {
            return;
        }
        let keep = libm::exp(-tick.seconds / (MEMORY * patience));
        for (sums, counts) in
            [(&mut self.overtaken, window.newly_overtaken), (&mut self.settled, window.settled)]
        {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum = *sum * keep + real(count.into());
            }
        }
        if self.overtaken.iter().all(|calls| *calls < FORGOTTEN) {
            *self = Self::default();
        }
    }

    /// By tier, how many calls are overtaken for each that is not.
    fn odds(&self) -> [f64; TIERS] {
        core::array::from_fn(|tier| self.overtaken[tier] / (self.settled[tier] + UNSEEN))
    }
}

/// For so many patiences it is remembered which calls were overtaken: as long as they take to be.
const MEMORY: f64 = 2.0;

/// Calls, not seen, that ended. A tenth, because a tier of which several calls were overtaken and
/// none has ended is one that holds.
const UNSEEN: f64 = 0.1;

/// Of exponential service times one in e^5 is longer than a patience.
const LONG: f64 = 148.0;

/// With fewer overtaken calls left than this nothing is known.
const FORGOTTEN: f64 = 1e-3;
