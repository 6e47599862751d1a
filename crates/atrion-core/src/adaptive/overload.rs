// SPDX-License-Identifier: Apache-2.0
//! Overload (`manual/physics.md` section 3.3): does more come than the route can work off, and for
//! how long?
//!
//! A crowd says little: it may be a burst that is worked off in a moment, or what a service with
//! few workers has before it at any time. What tells an overload is that it persists. Two counts
//! look for that, and neither of them can be pressed down or held up by the gate's own refusals,
//! because both count what *came*.

use super::window::real;
use super::{Throughput, Tick, Window};

/// The two counts, and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Overload {
    /// S, Page's cumulative sum of the evidence that requests come faster than they are worked off.
    evidence: f64,
    /// G, the refused requests that would still wait if they had been let in.
    kept_out: f64,
    is_on: bool,
}

impl Overload {
    /// `room` is the crowd that the route may have while it is not overloaded, in requests. `idle`
    /// says that the window ended with next to nothing in flight.
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        window: &Window,
        throughput: &Throughput,
        room: f64,
        ordinary: f64,
        idle: bool,
    ) {
        if idle {
            // What could be let in has been worked off: whatever else was refused, was refused by
            // the gate and not for want of capacity.
            *self = Self::default();
            return;
        }
        let capacity = throughput.get() * tick.seconds;
        let spare = (capacity - real(window.admitted)).max(0.0);
        self.kept_out = (self.kept_out + real(window.refused) - spare).clamp(0.0, room);

        // The logarithm of how much likelier the tick is at 1.15 times the throughput than at nine
        // tenths of it, for arrivals at random. One tick cannot say all that is needed, so a burst
        // is one surprise and an overload is one in every tick.
        let came = real(window.admitted) + real(window.refused);
        // Less than X counts only where there is a queue: elsewhere callers ask for less.
        let expected = if window.mean_in_flight > ordinary {
            capacity.min(throughput.lately() * tick.seconds)
        } else {
            capacity
        };
        let news = LIKELIER * came - (TOO_MUCH - ENOUGH) * expected;
        self.evidence = (self.evidence + news.clamp(-MOST_AT_ONCE, MOST_AT_ONCE)).clamp(0.0, 2.0 * PROOF);

        self.is_on = self.evidence >= PROOF || window.mean_in_flight + self.kept_out > room;
    }

    /// More comes than is worked off.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }
}

/// The arrivals, in units of the throughput, that the test tells from each other.
const ENOUGH: f64 = 0.9;
const TOO_MUCH: f64 = 1.15;

/// `ln(TOO_MUCH/ENOUGH)`.
const LIKELIER: f64 = 0.245_122_458_032_985;

/// The evidence that proves an overload: arrivals at nine tenths of the throughput reach it by
/// chance once in e^4 times.
const PROOF: f64 = 4.0;

/// The most that one tick says.
const MOST_AT_ONCE: f64 = 3.0;
