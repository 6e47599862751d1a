// SPDX-License-Identifier: Apache-2.0
//! Latency and its baseline (`manual/physics.md` section 3.3).

use core::time::Duration;

use super::missing::Delay;
use super::window::real;
use super::{Observation, Rescale, Tick};

/// L, the latency of now, and L0, the latency of a route that is not crowded. Both in seconds, 0
/// while unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Baseline {
    latency: f64,
    base: f64,
    learning: Learning,
}

/// The first ten seconds of a route's life, in which its baseline is a plain mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
struct Learning {
    seconds: f64,
    samples: f64,
    /// What the calls that have come back say: the mean of their latencies.
    completed: f64,
    /// In-flight count times time, and how many calls have come back: by Little's law their ratio
    /// is the latency of all calls, including those that have not come back yet.
    area: f64,
    exits: f64,
}

impl Baseline {
    /// `free` is phi; silent is a callee of which more answers are missing than chance explains.
    pub(super) fn step(
        &mut self,
        tick: &Tick,
        seen: &Observation<'_>,
        free: f64,
        is_silent: bool,
        slo: Option<Duration>,
    ) {
        let mean = seen.judged.mean_latency();
        let is_longer = mean.is_some_and(|mean| mean > self.base);
        if seen.delay == Delay::Absence && (is_longer || mean.is_none()) {
            return;
        }
        if is_silent && mean.is_none() {
            // By Little's law calls that hang would be calls that take long, and the patience with
            // them would grow with them.
            return;
        }
        let mut told = None;
        if let Some(mean) = mean {
            let enough = real(seen.judged.samples()) / 10.0;
            self.latency += (mean - self.latency) * tick.gain_latency.min(enough);
            // L0 falls faster than it rises. Of few calls it would so follow the quickest.
            told = Some(self.latency + (mean - self.latency) * enough.min(1.0));
        }
        // L0 never exceeds the SLO.
        let promised = slo.map_or(f64::INFINITY, |slo| slo.as_secs_f64());
        if seen.delay == Delay::Silence && is_longer {
            return;
        }
        if self.is_learning() {
            self.base = self.learning.step(tick, seen, self.base, free, promised);
        } else if let Some(told) = told {
            self.base += (told - self.base) * self.gain(tick, seen, told, free);
        }
        self.base = self.base.min(promised);
    }

    /// How far the baseline follows a `latency`.
    fn gain(&self, tick: &Tick, seen: &Observation<'_>, latency: f64, free: f64) -> f64 {
        if latency <= self.base {
            tick.gain_relief
        } else if seen.crowd.is_over() {
            tick.gain_1s * free
        } else if seen.judged.mean_in_flight > ALONE {
            // Not only above N*: a queue that is accepted would raise the baseline, and the
            // baseline what is accepted.
            tick.gain_baseline * free
        } else {
            tick.gain_baseline
        }
    }

    /// A call of one grain takes longer or less long, and there are fewer or more of them.
    pub(super) fn rescale(&mut self, by: &Rescale) {
        for latency in [&mut self.latency, &mut self.base, &mut self.learning.completed] {
            *latency *= by.latency;
        }
        for count in [&mut self.learning.area, &mut self.learning.exits] {
            *count *= by.counts;
        }
    }

    /// L: the latency of now, in seconds.
    pub(super) const fn latency(&self) -> f64 {
        self.latency
    }

    /// L0: the latency of a route that is not crowded, in seconds.
    pub(super) const fn base(&self) -> f64 {
        self.base
    }

    /// The route is in its first ten seconds.
    pub(super) fn is_learning(&self) -> bool {
        self.learning.seconds < LEARNING_SECONDS
    }

    /// The latency of now is above the baseline by more than chance.
    pub(super) fn is_slowed(&self) -> bool {
        self.latency >= 1.2 * self.base
    }

    /// The latency of now is above what is accepted, twice the baseline.
    pub(super) fn is_stretched(&self) -> bool {
        self.latency > 2.0 * self.base
    }

    /// How long a call counts as the service's usual work, in seconds, where a window's `mean`
    /// latency is this. `None` while nothing is known.
    pub(super) fn usual(&self, mean: Option<f64>) -> Option<f64> {
        let latency = mean.unwrap_or(0.0).max(self.latency).max(self.base);
        (latency > 0.0).then(|| (USUAL * latency).max(SHORTEST_PATIENCE))
    }

    /// `L_max`, in seconds: after this long without an answer a call counts as hung. The SLO, or
    /// five baselines; `None` while neither is known. Never under a tenth of a second: the silence
    /// of a moment is the scheduler's, not the callee's, and ten times a microsecond's patience
    /// would let any pause of the process open the breaker.
    pub(super) fn longest_patience(&self, slo: Option<Duration>) -> Option<f64> {
        let patience = slo.map_or(5.0 * self.base, |slo| slo.as_secs_f64());
        (patience > 0.0).then(|| patience.max(SHORTEST_PATIENCE))
    }
}

impl Learning {
    /// Gives the new L0; `base` is the one in force, `promised` the SLO in seconds.
    ///
    /// A cold start can go wrong in two ways. Under overload the queue's latency would be learned
    /// as the service's own: hence a crowd counts from the first tick on. And where calls are slow,
    /// those that come back first are the quick ones: hence, with free workers, Little's law has
    /// the last word.
    fn step(&mut self, tick: &Tick, seen: &Observation<'_>, base: f64, free: f64, promised: f64) -> f64 {
        let window = seen.judged;
        if self.samples > 0.0 {
            self.seconds += tick.seconds;
        }
        self.area += window.mean_in_flight * tick.seconds;
        // A client that left has waited for no longer than its answer would have taken.
        self.exits += window.completed_work() + real(window.left);
        if let Some(mean) = window.mean_latency() {
            // N* as it would be without Little's law, or a queue could raise its own target and
            // pass for no crowd.
            let sober = if base > 0.0 { seen.target * self.completed / base } else { f64::INFINITY };
            if window.mean_in_flight > YOUNG_CROWD * sober && mean > self.completed {
                self.completed += (mean - self.completed) * tick.gain_1s * free;
            } else {
                let samples = real(window.samples());
                self.samples += samples;
                self.completed += (mean - self.completed) * samples / self.samples;
            }
            self.completed = self.completed.min(promised);
        }
        let of_all = if self.exits > 0.0 { self.area / self.exits } else { 0.0 };
        self.completed + free * (of_all - self.completed).max(0.0)
    }
}

/// While L0 is a mean, this part of N* is a crowd: waiting in the slack must not be learned as
/// service.
const YOUNG_CROWD: f64 = 0.8;

/// A call that takes so many latencies of now waits for something else than the others. Of
/// exponential service times one in 150 is as long.
pub(super) const USUAL: f64 = 5.0;

/// The least `L_max`, in seconds.
const SHORTEST_PATIENCE: f64 = 0.1;

/// At this mean in-flight count a call has mostly been alone and has not waited, whatever the slope
/// says.
const ALONE: f64 = 1.0;

/// For so long the baseline is the mean of what was seen; afterwards it follows.
const LEARNING_SECONDS: f64 = 10.0;
