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
    /// Calls that ended before they could be.
    ended: [f64; TIERS],
    /// Calls in flight at the end of the last window.
    young: [u32; TIERS],
    uncharged: [u32; TIERS],
}

impl Charge {
    /// `patience` is the age in seconds at which a call can be overtaken, 0 while unknown; `target`
    /// is N*. Well is a route that answers, mostly without failures, and has not become slower.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, patience: f64, target: f64, is_well: bool) {
        self.learn(tick, window, patience);
        self.young = window.young;
        let odds = if is_well { self.odds() } else { [0.0; TIERS] };
        let count = |calls: [u32; TIERS]| calls.map(|calls| real(calls.into()));
        let (young, stuck) = (count(window.young), count(window.stuck));
        // Of each call of such a tier 1/(1 + odds) is work.
        let idle: [f64; TIERS] = core::array::from_fn(|tier| young[tier] * odds[tier] / (1.0 + odds[tier]));
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
        let is_news = window.newly_overtaken != [0; TIERS];
        if !self.is_on() && !is_news {
            return;
        }
        let memory = MEMORY * patience;
        let keep = libm::exp(-tick.seconds / memory);
        let begins = !self.is_on();
        for tier in 0..TIERS {
            let count = |of: &[u32; TIERS]| real(of[tier].into());
            let (came, newly) = (count(&window.admitted_by_tier), count(&window.newly_overtaken));
            let ended = if begins {
                // Nobody has counted yet: as if this much had come and gone all the time.
                (came - newly).max(0.0) * memory / tick.seconds
            } else {
                (came + count(&self.young) - count(&window.young) - newly).max(0.0)
            };
            self.ended[tier] = self.ended[tier] * keep + ended;
            self.overtaken[tier] = self.overtaken[tier] * keep + newly;
        }
        if self.overtaken.iter().all(|calls| *calls < FORGOTTEN) {
            (self.overtaken, self.ended) = ([0.0; TIERS], [0.0; TIERS]);
        }
    }

    /// By tier, how many calls are overtaken for each that is not.
    fn odds(&self) -> [f64; TIERS] {
        core::array::from_fn(|tier| self.overtaken[tier] / (self.ended[tier] + UNSEEN))
    }
}

/// For so many patiences it is remembered which calls were overtaken: as long as they take to be.
const MEMORY: f64 = 2.0;

/// Calls, not seen, that ended. A tenth, because a tier of which several calls were overtaken and
/// none has ended is one that holds.
const UNSEEN: f64 = 0.1;

/// With fewer overtaken calls left than this nothing is known.
const FORGOTTEN: f64 = 1e-3;
