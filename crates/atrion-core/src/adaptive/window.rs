// SPDX-License-Identifier: Apache-2.0
//! The input of a tick. It does not know how its numbers were counted.

use core::time::Duration;

use super::{Pairs, Work};
use crate::Telemetry;

/// What was counted and measured on one route between two ticks.
///
/// The caller leaves out failures that say nothing new (of requests from before the latest success
/// or close, section 3.6). All sums are plain numbers: a bad one is neutralised at the step's
/// border, never believed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[allow(clippy::exhaustive_structs)] // input of a pure function: its maker must think of every field
pub struct Window {
    /// Requests let through.
    pub admitted: u64,
    /// Requests turned away at the gate. In shadow mode there are none: they were let through.
    pub refused: u64,
    /// Completions that were a success in time.
    pub succeeded: u64,
    /// Completions that were a failure.
    pub failed: u64,
    /// Completions without failure, but later than the SLO.
    pub late: u64,
    /// Completions that say nothing of the callee's health. They are answers, late or not, and no
    /// failures. A call whose client has left is no completion at all.
    pub ignored: u64,
    /// Calls whose client has left without an answer.
    pub left: u64,
    /// Those of them that left at the SLO or later, or nearly: how late the answer would have been is
    /// not known.
    pub given_up: u64,
    /// Those of the `succeeded + late + ignored` completions that answer an overtaken call.
    pub answered_overtaken: u64,
    /// Sum of the latencies of the other `succeeded + late + ignored` completions, in seconds.
    pub latency_sum: f64,
    /// The passive experiment behind elasticity: in-flight count at admission against latency.
    pub pairs: Pairs,
    /// What the failed calls were like.
    pub failures: Failures,
    /// Time-weighted mean of the in-flight count over the window, without debt and without
    /// overtaken calls.
    pub mean_in_flight: f64,
    /// Requests in flight at the end of the window, without overtaken calls.
    pub in_flight: u64,
    /// Overtaken calls at the end of the window, by tier as in [`Tier::ALL`](crate::Tier::ALL): in
    /// flight for so long, while younger ones are answered, that what they wait for is not the
    /// service's usual work ([`AdaptiveState::patience`](super::AdaptiveState::patience)).
    pub overtaken: [u32; 5],
    /// Those of them that became so in this window.
    pub newly_overtaken: [u32; 5],
    /// Calls that had started beside the newly overtaken, or when those would have, and have ended.
    /// By tier likewise.
    pub settled: [u32; 5],
    /// Calls in flight at the end of the window that are not overtaken, by tier likewise. Counted
    /// where requests were refused or calls overtaken lately, otherwise zero.
    pub young: [u32; 5],
    /// Those of them that have been in flight for as long as overtaken ones, while nothing was
    /// answered since. Counted likewise.
    pub stuck: [u32; 5],
    /// Debt D at the end of the window, in units.
    pub debt: f64,
    /// Seconds since the latest completion, or since the start if there was none, without those in
    /// which was not counted.
    pub since_completion: f64,
    /// Mean age of what is in flight at the end of the window, without overtaken calls, in seconds,
    /// likewise.
    pub mean_age: f64,
    /// The part of the window, in seconds, in which nothing was counted: the process stood still,
    /// or its pulse was held up. An answer that did not come then was not missing.
    pub absent: f64,
    /// What the calls cost beyond one unit each. The counts above are calls; crowd, debt and the
    /// counts at a call's admission are units.
    pub work: Work,
    /// What a caller with its own meters says of the same time. It must have passed
    /// [`Telemetry::check`].
    pub report: Option<Telemetry>,
}

/// Sums over the failed calls of a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[allow(clippy::exhaustive_structs)] // as for the window that they are a part of
pub struct Failures {
    /// In-flight counts at their admission.
    pub x: f64,
    /// The squares of those.
    pub xx: f64,
    /// How long they took, in seconds.
    pub held: f64,
}

impl Window {
    /// Completions of any kind.
    #[must_use]
    pub const fn completions(&self) -> u64 {
        self.judged().saturating_add(self.ignored)
    }

    /// Completions that say something of the callee's health: what failures are a share of. Were
    /// the others among them, a flood of bad requests would hide that every good one fails.
    #[must_use]
    pub const fn judged(&self) -> u64 {
        self.succeeded.saturating_add(self.failed).saturating_add(self.late)
    }

    /// Completions that are of use to the client: throughput.
    #[must_use]
    pub const fn in_time(&self) -> u64 {
        self.succeeded.saturating_add(self.ignored)
    }

    /// Completions that are an answer: everything but failures.
    #[must_use]
    pub const fn answers(&self) -> u64 {
        self.succeeded.saturating_add(self.late).saturating_add(self.ignored)
    }

    /// Answers that carry a latency: those to calls that were not overtaken.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.answers().saturating_sub(self.answered_overtaken)
    }

    /// Mean latency of the window, if there was a sample.
    #[must_use]
    pub fn mean_latency(&self) -> Option<f64> {
        (self.samples() > 0).then(|| self.latency_sum / real(self.samples()))
    }

    /// The window with the caller's report in it, if there is one: as so many completions that it
    /// counts in full, because it is already an average over many calls. `target` is N*.
    #[must_use]
    pub(super) fn reported(&self, target: f64, slo: Option<Duration>) -> Option<Self> {
        let report = self.report?;
        let failed = (report.error_rate * REPORT_WEIGHT) as u64;
        let answered = REPORT_WEIGHT as u64 - failed.min(REPORT_WEIGHT as u64);
        let is_late = slo.is_some_and(|slo| report.latency > slo.as_secs_f64());
        let (succeeded, late) = if is_late { (0, answered) } else { (answered, 0) };
        Some(Self {
            succeeded: self.succeeded.saturating_add(succeeded),
            failed: self.failed.saturating_add(failed),
            late: self.late.saturating_add(late),
            latency_sum: sane(self.latency_sum + report.latency * answered as f64),
            mean_in_flight: sane(self.mean_in_flight + report.saturation * target),
            ..*self
        })
    }

    /// The same window with every number finite and not negative.
    #[must_use]
    pub(super) fn neutralised(&self) -> Self {
        Self {
            latency_sum: sane(self.latency_sum),
            pairs: self.pairs.neutralised(),
            failures: Failures {
                x: sane(self.failures.x),
                xx: sane(self.failures.xx),
                held: sane(self.failures.held),
            },
            mean_in_flight: sane(self.mean_in_flight),
            debt: sane(self.debt),
            since_completion: sane(self.since_completion),
            mean_age: sane(self.mean_age),
            absent: sane(self.absent),
            work: self.work.neutralised(),
            report: self.report.and_then(|report| report.check().ok()),
            ..*self
        }
    }
}

/// Completions that a report counts as.
const REPORT_WEIGHT: f64 = 1000.0;

/// Bounds a sum so that products and quotients of two stay finite; NaN counts as 0, and so does
/// what is nearly that.
pub(super) fn sane(value: f64) -> f64 {
    if value >= 1.0 / MOST { value.min(MOST) } else { 0.0 }
}

/// Whether [`sane`] leaves it as it is.
pub(super) fn is_sane(value: f64) -> bool {
    value == 0.0 || (1.0 / MOST..=MOST).contains(&value)
}

/// A count as a float, by way of a signed integer: one instruction, where the unsigned way is ten.
pub(super) fn real(count: u64) -> f64 {
    count.min(1 << 53) as i64 as f64
}

/// No sum of a window exceeds this, and none but 0 is less than one divided by it.
pub(super) const MOST: f64 = 1e12;
