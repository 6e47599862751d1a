// SPDX-License-Identifier: Apache-2.0
//! The work's target (`manual/physics.md` section 3.3): the work in service plus a slack for
//! bursts.

use super::{AdaptiveConfig, Baseline, Ceiling, Crowd, MemoryOfHealth, Pace, Strain, Tick, Window};

/// Throughput X of answers in time per second. Late and failed work is not throughput.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Throughput {
    fast: f64,
    /// How much of `fast` is a mean of what was seen, 0..=1: under 1 in the first moments of a life.
    known: f64,
    kept: f64,
    answers: f64,
}

impl Throughput {
    /// Rises at once. It falls only under strain, for a route without strain is limited by its
    /// callers, and only where calls have become slower, for by Little's law a gate that holds n
    /// in flight of L seconds sees n/L come back: fewer answers of the same latency are the gate's
    /// doing, and say nothing of the callee.
    pub(super) fn step(&mut self, tick: &Tick, window: &Window, strain: Strain, is_slowed: bool) {
        if tick.seconds <= 0.0 {
            return;
        }
        self.answers += (window.answered_work() / tick.seconds - self.answers) * tick.gain_1s;
        // The peak of a rate that is known from a few answers is the peak of their chance: the sum
        // over many callers would be several times what the callee can do. A young route has to
        // find its pace first.
        let gain = if self.known < SETTLED { tick.gain_fast } else { tick.gain_of_rate(self.kept) };
        self.fast += (window.in_time_work() / tick.seconds - self.fast) * gain;
        self.known += (1.0 - self.known) * gain;
        if self.fast > self.kept {
            self.kept = self.fast;
        } else if strain != Strain::None && is_slowed {
            self.kept += (self.fast - self.kept) * tick.gain_slow;
        }
    }

    pub(super) fn rescale(&mut self, by: f64) {
        for count in [&mut self.fast, &mut self.kept, &mut self.answers] {
            *count *= by;
        }
    }

    /// X, per second.
    pub(super) const fn get(&self) -> f64 {
        self.kept
    }

    /// X of about the last half second, whether or not it is what the route can do.
    pub(super) const fn lately(&self) -> f64 {
        self.fast
    }

    /// Answers per second, including late ones: how fast the service works, whether or not its work
    /// is of use.
    fn answers(&self) -> f64 {
        self.answers.max(self.kept)
    }
}

/// N_w, the number of requests that the route is meant to carry while more comes than it can work
/// off, and the saturation memory q that shrinks its slack. Whether latency rises because of a
/// crowd is judged by it at any time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Target {
    #[cfg_attr(feature = "serde", serde(rename = "slots"))]
    target: f64,
    saturated: f64,
}

/// What the route is known to carry.
pub(super) struct Carried<'a> {
    pub(super) throughput: &'a Throughput,
    pub(super) baseline: &'a Baseline,
    pub(super) health: &'a MemoryOfHealth,
    pub(super) ceiling: &'a Ceiling,
    pub(super) pace: Pace,
}

impl Target {
    pub(super) fn step(&mut self, tick: &Tick, crowd: Crowd, carried: &Carried<'_>, config: &AdaptiveConfig) {
        let Carried { throughput, baseline, health, ceiling, pace } = *carried;
        let laws = config.laws;
        let over = f64::from(u8::from(crowd.is_over()));
        self.saturated += (over - self.saturated) * tick.gain_1s;
        // Little's law: X L0 requests are in service at the accepted throughput. The slack is what
        // the bursts of ordinary arrivals need, and that grows with the root of the work: a small
        // service needs relatively more than a large one.
        let busy = throughput.get() * baseline.base();
        let phi = pace.free;
        let slack = if laws.square_root_staffing { STAFFING * libm::sqrt(busy) } else { busy };
        let shrink = if laws.shrinking_slack { 1.0 - 0.75 * self.saturated } else { 1.0 };
        let healthy = if laws.memory_of_health { 1.2 * health.get() } else { 0.0 };
        // A crowd need not be a queue: the service may have become slower, with workers to spare.
        // With an SLO a young crowd may wait for a tenth of it (n/X is how long the last of n has
        // to wait); without one twice the work in service is accepted, as far as latency does not
        // rise with the crowd.
        let promised = config.slo.map(|slo| slo.as_secs_f64());
        let room = promised
            .map_or((1.0 + phi) * busy, |slo| (1.0 - self.saturated) * YOUNG * throughput.get() * slo);
        let wanted = (busy + shrink * slack).max(healthy).max(room);
        // No crowd waits for more than a third of the SLO, and about two thirds where the top of
        // the ladder stops passing. The work in service is never given up for it, and where the
        // crowd slows nothing down nothing waits: calls that hang hold slots.
        let in_time = promised.map_or(f64::INFINITY, |slo| IN_TIME * throughput.get() * slo);
        let excess = (wanted - in_time.max(busy)).max(0.0);
        // The least target must be in time, too, by the pace of all answers: where all are late, X
        // is zero and says nothing.
        let least = promised.map_or(config.min_target, |slo| {
            (IN_TIME * throughput.answers() * slo).clamp(1.0, config.min_target)
        });
        let bounded = least.max(wanted - if pace.unharmed { 0.0 } else { (1.0 - phi) * excess });
        // The target stays under what a bounded queue has a place for.
        self.target = least.max(bounded - ceiling.excess_of(bounded));
    }

    pub(super) fn rescale(&mut self, by: f64) {
        self.target *= by;
    }

    /// N_w, in requests; 0 before the first tick.
    pub(super) const fn get(&self) -> f64 {
        self.target
    }
}

/// A route is young for about five seconds.
const SETTLED: f64 = 1.0 - 4e-6;

/// Requests of slack for the root of the requests in service.
pub(super) const STAFFING: f64 = 3.5;

/// The part of the SLO that waiting at N* may take.
const IN_TIME: f64 = 1.0 / 3.0;

/// The part of the SLO that the waiting of a crowd that has just come may take.
const YOUNG: f64 = 0.1;
