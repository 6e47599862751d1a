// SPDX-License-Identifier: Apache-2.0
//! The capacity target (`docs/physics.md` section 3.3): the work in service plus a slack for bursts.

use super::window::real;
use super::{AdaptiveConfig, Baseline, MemoryOfHealth, Tick};

/// Throughput X of successes per second. Late and failed work is not throughput.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Throughput {
    fast: f64,
    kept: f64,
}

impl Throughput {
    /// Rises at once, falls only under strain: a route without strain is limited by its callers, not by itself.
    pub(super) fn step(&mut self, tick: &Tick, succeeded: u64, strained: bool) {
        if tick.seconds <= 0.0 {
            return;
        }
        self.fast += (real(succeeded) / tick.seconds - self.fast) * tick.gain_fast;
        if self.fast > self.kept {
            self.kept = self.fast;
        } else if strained {
            self.kept += (self.fast - self.kept) * tick.gain_slow;
        }
    }

    /// X, per second.
    #[must_use]
    pub const fn get(&self) -> f64 {
        self.kept
    }
}

/// N*, the number of requests the route is meant to carry, and the saturation memory q that shrinks its slack.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Target {
    slots: f64,
    saturated: f64,
}

impl Target {
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        crowded: bool,
        throughput: &Throughput,
        baseline: &Baseline,
        health: &MemoryOfHealth,
        config: &AdaptiveConfig,
    ) {
        let laws = config.laws;
        let crowd = f64::from(u8::from(crowded));
        self.saturated += (crowd - self.saturated) * tick.gain_congestion;
        // Little's law: X L0 requests are in service at the accepted throughput. The slack is as much again, so that
        // the accepted latency is 2 L0, and a square-root allowance for bursts, which small services need most.
        let busy = throughput.get() * baseline.base();
        let bursts = if laws.square_root_staffing { 2.0 * libm::sqrt(2.0 * busy) } else { 0.0 };
        let shrink = if laws.shrinking_slack { 1.0 - 0.75 * self.saturated } else { 1.0 };
        let healthy = if laws.memory_of_health { 1.2 * health.get() } else { 0.0 };
        self.slots = config.min_target.max(healthy).max(busy + shrink * (busy + bursts));
    }

    /// N*, in requests; 0 before the first tick.
    #[must_use]
    pub const fn slots(&self) -> f64 {
        self.slots
    }
}
