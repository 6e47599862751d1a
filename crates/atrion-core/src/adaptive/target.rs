// SPDX-License-Identifier: Apache-2.0
//! The capacity target (`docs/physics.md` section 3.3): the work in service plus a slack for bursts.

use super::window::real;
use super::{AdaptiveConfig, Baseline, Ceiling, MemoryOfHealth, Tick};

/// Throughput X of successes per second. Late and failed work is not throughput.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Target {
    slots: f64,
    saturated: f64,
}

/// What the route is known to carry.
pub(super) struct Carried<'a> {
    pub(super) throughput: &'a Throughput,
    pub(super) baseline: &'a Baseline,
    pub(super) health: &'a MemoryOfHealth,
}

impl Target {
    /// `free` gives phi, how far latency does not rise with the crowd, to whoever asks.
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        crowded: bool,
        carried: &Carried<'_>,
        free: impl Fn() -> f64,
        config: &AdaptiveConfig,
    ) {
        let Carried { throughput, baseline, health } = *carried;
        let laws = config.laws;
        let crowd = f64::from(u8::from(crowded));
        self.saturated += (crowd - self.saturated) * tick.gain_congestion;
        // Little's law: X L0 requests are in service at the accepted throughput. The slack is as much again, so that
        // the accepted latency is 2 L0, and a square-root allowance for bursts, which small services need most.
        let busy = throughput.get() * baseline.base();
        let bursts = if laws.square_root_staffing { 2.0 * libm::sqrt(2.0 * busy) } else { 0.0 };
        let shrink = if laws.shrinking_slack { 1.0 - 0.75 * self.saturated } else { 1.0 };
        let healthy = if laws.memory_of_health { 1.2 * health.get() } else { 0.0 };
        let wanted = (busy + shrink * (busy + bursts)).max(healthy);
        // n/X is how long the last of n has to wait: at N* a third of what was promised, and about two thirds where the
        // top of the ladder stops passing. What is in service is never given up for it, and free workers have no queue.
        let in_time = config.slo.map_or(f64::INFINITY, |slo| IN_TIME * throughput.get() * slo.as_secs_f64());
        let excess = (wanted - in_time.max(busy)).max(0.0);
        let queue = if excess > 0.0 { 1.0 - free() } else { 0.0 };
        self.slots = config.min_target.max(wanted - queue * excess);
    }

    /// What a queue has no place for is no target.
    pub(super) fn keep_under(&mut self, ceiling: &Ceiling, config: &AdaptiveConfig) {
        self.slots = config.min_target.max(self.slots - ceiling.excess_of(self.slots));
    }

    /// N*, in requests; 0 before the first tick.
    #[must_use]
    pub const fn slots(&self) -> f64 {
        self.slots
    }
}

/// The part of the SLO that waiting at N* may take.
const IN_TIME: f64 = 1.0 / 3.0;
