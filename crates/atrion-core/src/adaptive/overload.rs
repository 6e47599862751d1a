// SPDX-License-Identifier: Apache-2.0
//! Overload (`manual/physics.md` section 3.3): does more come than the route can work off, and for
//! how long?
//!
//! A crowd says little: it may be a burst that is worked off in a moment, or what a service with
//! few workers has before it at any time. What tells an overload is that it persists. The test for
//! that cannot be pressed down by the gate's own refusals, because it counts what *came*; nor be
//! held up by them, because it is void where the route falls idle.

use super::{Throughput, Tick, Window};

/// S, Page's cumulative sum of the evidence that requests come faster than they are worked off.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Overload {
    evidence: f64,
}

impl Overload {
    /// `scatter` is I. `idle` says that the window ended with next to nothing in flight.
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        window: &Window,
        throughput: &Throughput,
        scatter: f64,
        ordinary: f64,
        idle: bool,
    ) {
        if idle {
            // What could be let in has been worked off: whatever else was refused, was refused by
            // the gate and not for want of capacity.
            self.evidence = 0.0;
            return;
        }
        // The logarithm of how much likelier the tick is at 1.15 times the throughput than at nine
        // tenths of it, for arrivals at random; what comes in batches says less by their size. One
        // tick cannot say all that is needed, so a burst is one surprise and an overload is one in
        // every tick.
        let came = window.admitted_work() + window.refused_work();
        let capacity = throughput.get() * tick.seconds;
        // Less than X counts only where there is a queue: elsewhere callers ask for less.
        let expected = if window.mean_in_flight > ordinary {
            capacity.min(throughput.lately() * tick.seconds)
        } else {
            capacity
        };
        let news = (LIKELIER * came - (TOO_MUCH - ENOUGH) * expected) / scatter;
        let news = news.clamp(-MOST_AT_ONCE, MOST_AT_ONCE);
        self.evidence = (self.evidence + news).clamp(0.0, 2.0 * PROOF);
    }

    /// More comes than is worked off.
    pub(super) fn is_on(&self) -> bool {
        self.evidence >= PROOF
    }

    /// How far that is proven, 0..=1.
    pub(super) fn proven(&self) -> f64 {
        (self.evidence / PROOF).min(1.0)
    }

    /// How far it is proven twice, 0..=1: crowds that were worked off before are given up for that
    /// only.
    pub(super) fn certain(&self) -> f64 {
        (self.evidence / PROOF - 1.0).clamp(0.0, 1.0)
    }
}

/// The arrivals, in units of the throughput, that the test tells from each other.
const ENOUGH: f64 = 0.9;
const TOO_MUCH: f64 = 1.15;

/// `ln(TOO_MUCH/ENOUGH)`.
const LIKELIER: f64 = 0.245_122_458_032_985;

/// The evidence that proves an overload: arrivals at nine tenths of the throughput reach it by
/// chance once in e^6 times.
const PROOF: f64 = 6.0;

/// The most that one tick says.
const MOST_AT_ONCE: f64 = 3.0;
