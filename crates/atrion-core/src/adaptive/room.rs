// SPDX-License-Identifier: Apache-2.0
//! Room in health (`manual/physics.md` section 3.3): N* while no overload is shown, and the way
//! from there to N_w when one is.

use core::time::Duration;

use super::drain::Drain;
use super::overload::Overload;
use super::scatter::Scatter;
use super::worked_off::WorkedOff;
use super::{AdaptiveConfig, Ceiling, Throughput, Tick, Window};
use super::{target::STAFFING, window::real};

/// N*, the number of requests that the route is meant to carry.
///
/// While nothing shows an overload it is N_c: more than the largest crowd that was worked off, as far
/// as the last of it is answered within the SLO. As an overload is proven it gives way to that crowd,
/// and as it becomes certain, to N_w, the target of [`Target`](super::Target).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Room {
    worked_off: WorkedOff,
    drain: Drain,
    scatter: Scatter,
    overload: Overload,
    /// Seconds since the route was last idle: how long there has been a crowd.
    standing: f64,
    target: f64,
}

/// What the other laws have found in this tick.
pub(super) struct Learned<'a> {
    pub(super) throughput: &'a Throughput,
    pub(super) ceiling: &'a Ceiling,
    /// L0, in seconds.
    pub(super) base: f64,
    /// L is above L0 by more than chance.
    pub(super) is_slowed: bool,
    /// N_w, in requests.
    pub(super) work_target: f64,
}

impl Room {
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        window: &Window,
        learned: &Learned<'_>,
        config: &AdaptiveConfig,
    ) {
        let Learned { throughput, ceiling, base, is_slowed, work_target } = *learned;
        if !config.laws.room {
            self.target = work_target;
            return;
        }
        if tick.seconds <= 0.0 {
            return;
        }
        let pace = throughput.get();
        let work = pace * base;
        let ordinary = work + STAFFING * libm::sqrt(work);
        let idle = real(window.in_flight) < NEXT_TO_NOTHING * work.max(1.0);
        self.drain.step(tick, window);
        self.scatter.step(tick, window);
        self.worked_off.step(tick, window, ordinary, idle, self.overload.is_on());
        self.overload.step(tick, window, throughput, self.scatter.get(), ordinary, idle);

        self.standing = if idle { 0.0 } else { self.standing + tick.seconds };

        let known = self.worked_off.get();
        let at_once = match config.slo {
            Some(_) if real(window.in_flight) <= ordinary => f64::INFINITY,
            None if idle => AT_ONCE * known,
            _ => MARGIN * known,
        };
        let pace = self.drain.pace(pace, is_slowed);
        let in_time = config.slo.map_or(f64::INFINITY, |slo| self.in_time(pace, slo));
        let calm = work_target.max(ordinary.max(at_once).min(in_time));
        // A full queue refuses whether or not the crowd would be worked off in time; and where
        // failures have made debt, it is debt that keeps requests out, which needs a target to
        // stand against.
        let under_edge = work_target.max(calm - ceiling.excess_of(calm));
        let free_of_debt = (1.0 - window.debt / work_target).max(0.0);
        let above = |crowd: f64| (crowd.min(under_edge) - work_target).max(0.0) * free_of_debt;
        let (known, room) = (above(known), above(under_edge));
        self.target = work_target
            + known * (1.0 - self.overload.certain())
            + (room - known) * (1.0 - self.overload.proven());
    }

    /// The crowd whose last request is answered in time, at a `pace` of completions per second. A
    /// crowd that comes at once may take nearly all of the `slo`; one that has stood for as long as
    /// the SLO is a queue, which makes all wait.
    fn in_time(&self, pace: f64, slo: Duration) -> f64 {
        let slo = slo.as_secs_f64();
        let stood = (self.standing / slo).min(1.0);
        (IN_TIME - (IN_TIME - IN_A_QUEUE) * stood) * pace * slo
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.worked_off.rescale(by);
        self.drain.rescale(by);
        self.scatter.rescale(by);
        self.target *= by;
    }

    /// N*, in requests; 0 before the first tick.
    pub(super) const fn get(&self) -> f64 {
        self.target
    }

    /// More comes than is worked off.
    pub(super) fn is_overload(&self) -> bool {
        self.overload.is_on()
    }

    /// k: where N* reaches to the SLO, what is above it would be late, so R rises as before a wall.
    /// Where debt stands against N*, the tiers need the ladder's whole length.
    pub(super) fn gain(&self, debt: f64, config: &AdaptiveConfig) -> f64 {
        let is_calm = !self.overload.is_on() && debt < LITTLE_DEBT;
        let is_near = config.laws.room && config.slo.is_some() && is_calm;
        if is_near { config.gain.max(STEEP) } else { config.gain }
    }
}

/// N_c over the largest crowd that was worked off, while there is a crowd.
const MARGIN: f64 = 1.25;

/// The same on an idle route, for one tick: what comes at once before free workers is no overload
/// yet. Where an SLO is known, it alone says how much that may be, before an ordinary crowd, too.
const AT_ONCE: f64 = 4.0;

/// The part of the SLO that waiting at N_c may take: the service itself takes the rest. Where the
/// ladder ends, at 1.3 N*, an answer may be late.
const IN_TIME: f64 = 0.85;

/// The same where the crowd has stood for as long as the SLO.
const IN_A_QUEUE: f64 = 0.5;

/// A window that ends with less than this part of the work in flight, or with less than this part
/// of a request, ends idle.
const NEXT_TO_NOTHING: f64 = 0.1;

/// k with which R reaches nine tenths of `w` at 1.3 N*: `atanh(0.9)/0.3`.
const STEEP: f64 = 4.9;

/// Debt, in slots, that has no say.
const LITTLE_DEBT: f64 = 0.5;
