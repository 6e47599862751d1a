// SPDX-License-Identifier: Apache-2.0
//! The figures of a run, computed from the records of all its requests. `--json` writes these
//! types.
//!
//! A request belongs to the phase and to the instant at which it was due, not to those of its
//! outcome; its attempts count as one. *Goodput* is the rate of successes within the deadline.
//! *Capacity* is the rate of the workers in the weather of that phase. Where a noticeable part of
//! the requests cannot succeed (the dependency is out, the recorded log has a 5xx), it is at most
//! the rate of those that can.
//!
//! A phase that ends with a full queue can therefore show slightly more than its capacity: its last
//! requests were served at the cost of the phase after it.

use std::time::Duration;

use serde::Serialize;

use super::plan::{Phase, Plan, Stretch};
use super::record::{Outcome, Record};
use super::tier::{PerTier, Tier};

/// All runs, as `--json` writes them.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) runs: Runs,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Runs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unprotected: Option<RunFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protected: Option<RunFigures>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RunFigures {
    pub(crate) phases: PerPhase<PhaseFigures>,
    /// Seconds from the end of the outage until goodput recovered; `None` if it did not.
    pub(crate) recovered_after_s: Option<f64>,
}

/// One value for each measured phase.
#[derive(Debug, Serialize)]
pub(crate) struct PerPhase<T> {
    pub(crate) calm: T,
    pub(crate) overload: T,
    pub(crate) gray: T,
    pub(crate) outage: T,
    pub(crate) recovery: T,
}

impl<T> PerPhase<T> {
    pub(crate) fn from_fn(mut value: impl FnMut(Phase) -> T) -> Self {
        let [calm, overload, gray, outage, recovery] = Phase::MEASURED.map(&mut value);
        Self { calm, overload, gray, outage, recovery }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Phase, &T)> {
        let values = [&self.calm, &self.overload, &self.gray, &self.outage, &self.recovery];
        Phase::MEASURED.into_iter().zip(values)
    }
}

/// A share of nothing is `None`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct PhaseFigures {
    pub(crate) offered_per_s: f64,
    pub(crate) capacity_per_s: f64,
    pub(crate) goodput_per_s: f64,
    /// Goodput as a share of min(offered, capacity), which a perfect guard would have served.
    pub(crate) goodput_share: Option<f64>,
    /// By tier: served requests as a share of all.
    pub(crate) success: PerTier<Option<f64>>,
    /// Of served requests, from the instant that each was due, with all attempts and pauses.
    pub(crate) p99_ms: Option<f64>,
    /// Requests whose last attempt the guard refused.
    pub(crate) shed_share: Option<f64>,
}

impl RunFigures {
    /// `workers_rate` is the rate of all workers in a phase's weather.
    pub(crate) fn of(records: &[Record], plan: &Plan, workers_rate: impl Fn(Phase) -> f64) -> Self {
        let figures = |phase| PhaseFigures::of_phase(records, plan, phase, workers_rate(phase));
        Self {
            phases: PerPhase::from_fn(figures),
            recovered_after_s: recovered(records, plan, workers_rate(Phase::Recovery)),
        }
    }
}

/// Seconds from the begin of the recovery until goodput recovered; `None` if it did not.
pub(crate) fn recovered(records: &[Record], plan: &Plan, workers_rate: f64) -> Option<f64> {
    recovered_after(records, plan.stretch(Phase::Recovery)?, workers_rate)
}

impl PhaseFigures {
    pub(crate) fn of_phase(records: &[Record], plan: &Plan, phase: Phase, workers_rate: f64) -> Self {
        let records: Vec<&Record> = records.iter().filter(|record| record.phase == phase).collect();
        let length = plan.stretch(phase).map_or(Duration::ZERO, |s| s.until - s.from);
        Self::of(&records, length.as_secs_f64(), workers_rate)
    }

    fn of(records: &[&Record], seconds: f64, workers_rate: f64) -> Self {
        let count = |which: &dyn Fn(&Record) -> bool| records.iter().filter(|r| which(r)).count();
        let offered = records.len() as f64 / seconds;
        let servable = count(&|r| r.servable) as f64 / seconds;
        let goodput = count(&Record::served) as f64 / seconds;
        let capacity =
            if servable < NOTICEABLE * offered { servable.min(workers_rate) } else { workers_rate };
        let success = PerTier::from_fn(|tier: Tier| {
            let all = count(&|r| r.tier == tier);
            share(count(&|r| r.tier == tier && r.served()) as f64, all as f64)
        });
        let mut served: Vec<Duration> = records.iter().filter(|r| r.served()).map(|r| r.latency).collect();
        Self {
            offered_per_s: offered,
            capacity_per_s: capacity,
            goodput_per_s: goodput,
            goodput_share: share(goodput, offered.min(capacity)),
            success,
            p99_ms: quantile(&mut served, 0.99).map(|latency| latency.as_secs_f64() * 1000.0),
            shed_share: share(count(&|r| r.outcome == Outcome::Refused) as f64, records.len() as f64),
        }
    }
}

/// Below this share, requests that cannot succeed are ignored: a single 500 in a recorded log must
/// not reduce the capacity of an idle service to its few requests.
const NOTICEABLE: f64 = 0.99;

/// The first instant of the stretch, in steps of 0.1 s, from which on one second of arrivals got
/// [`RECOVERED`] of what could be served in it.
fn recovered_after(records: &[Record], stretch: &Stretch, workers_rate: f64) -> Option<f64> {
    let mut arrivals: Vec<&Record> = records.iter().filter(|r| r.phase == stretch.phase).collect();
    arrivals.sort_by_key(|record| record.at);
    let steps = (stretch.until - stretch.from).saturating_sub(WINDOW).as_millis() / 100;
    (0..=steps).find_map(|step| {
        let begin = stretch.from + Duration::from_millis(step as u64 * 100);
        let from = arrivals.partition_point(|record| record.at < begin);
        let until = arrivals.partition_point(|record| record.at < begin + WINDOW);
        let window = &arrivals[from..until];
        let servable = window.iter().filter(|record| record.servable).count() as f64;
        let served = window.iter().filter(|record| record.served()).count() as f64;
        let possible = servable.min(workers_rate * WINDOW.as_secs_f64());
        (!window.is_empty() && served >= RECOVERED * possible).then_some(step as f64 / 10.0)
    })
}

const WINDOW: Duration = Duration::from_secs(1);
const RECOVERED: f64 = 0.95;

/// Goodput and the possible rate in equal slices of the measured time, in requests per second.
/// Unlike in the figures, goodput belongs to the instant of the answer, to be compared with the
/// rate of the workers at that instant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slice {
    pub(crate) phase: Phase,
    pub(crate) goodput: f64,
    pub(crate) possible: f64,
}

pub(crate) fn slices(
    records: &[Record],
    plan: &Plan,
    workers_rate: impl Fn(Phase) -> f64,
    count: usize,
) -> Vec<Slice> {
    let begin = plan.stretch(Phase::Calm).map_or(Duration::ZERO, |stretch| stretch.from);
    let width = plan.measured().as_secs_f64() / count as f64;
    let mut tallies = vec![(0_u32, 0_u32); count];
    let index = |at: Duration| at.checked_sub(begin).map(|since| (since.as_secs_f64() / width) as usize);
    for record in records {
        if let Some((servable, _)) = index(record.at).and_then(|index| tallies.get_mut(index)) {
            *servable += u32::from(record.servable);
        }
        let answered = record.at + record.latency;
        if let Some((_, served)) = index(answered).and_then(|index| tallies.get_mut(index)) {
            *served += u32::from(record.served());
        }
    }
    let slice = |(index, (servable, served)): (usize, &(u32, u32))| {
        let middle = begin + Duration::from_secs_f64((index as f64 + 0.5) * width);
        let phase = plan.phase_at(middle);
        let possible = (f64::from(*servable) / width).min(workers_rate(phase));
        Slice { phase, goodput: f64::from(*served) / width, possible }
    };
    tallies.iter().enumerate().map(slice).collect()
}

/// The nearest-rank quantile: the smallest value that at least this share of all reaches.
pub(crate) fn quantile<T: Ord + Copy>(values: &mut [T], share: f64) -> Option<T> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable();
    let rank = (share * values.len() as f64).ceil() as usize;
    Some(values[rank.clamp(1, values.len()) - 1])
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new(Duration::from_secs(1), Duration::from_secs(10), 100.0)
    }

    fn record(at_ms: u64, outcome: Outcome) -> Record {
        let at = Duration::from_millis(at_ms);
        Record {
            at,
            phase: plan().phase_at(at),
            tier: Tier::Normal,
            servable: true,
            outcome,
            latency: Duration::from_millis(50),
            attempts: 1,
            refusals: 0,
            lag: Duration::ZERO,
        }
    }

    fn figures(records: &[Record]) -> RunFigures {
        RunFigures::of(records, &plan(), |_| 40.0)
    }

    #[test]
    fn the_share_is_of_what_a_perfect_guard_would_serve() {
        // 60 a second are due, the workers do 40, and 36 of each 60 are served.
        let of = |n: u64| if n % 60 < 36 { Outcome::Served } else { Outcome::Refused };
        let records: Vec<Record> = (0..600).map(|n| record(1_000 + n * 1_000 / 60, of(n))).collect();
        let calm = figures(&records).phases.calm;
        assert!((calm.offered_per_s - 60.0).abs() < 1e-9);
        assert!((calm.goodput_per_s - 36.0).abs() < 1e-9);
        assert!(calm.goodput_share.is_some_and(|share| (share - 0.9).abs() < 1e-9));
        assert!(calm.shed_share.is_some_and(|share| (share - 0.4).abs() < 1e-9));
        assert_eq!(calm.success.normal, Some(0.6));
        assert_eq!(calm.success.critical, None);
    }

    #[test]
    fn requests_that_cannot_succeed_lower_the_capacity_and_not_the_guard() {
        let mut records: Vec<Record> = (0..300).map(|n| record(31_000 + n * 33, Outcome::Served)).collect();
        for lost in records.iter_mut().step_by(3) {
            (lost.servable, lost.outcome) = (false, Outcome::Failed);
        }
        let outage = figures(&records).phases.outage;
        assert!((outage.capacity_per_s - 20.0).abs() < 1e-9);
        assert!(outage.goodput_share.is_some_and(|share| (share - 1.0).abs() < 1e-9));
    }

    #[test]
    fn recovery_is_the_first_good_second() {
        // The recovery begins at 41 s; everything due before 43.35 s fails.
        let of = |at| if at < 43_350 { Outcome::TimedOut } else { Outcome::Served };
        let records: Vec<Record> = (0..500).map(|n| 41_000 + n * 20).map(|at| record(at, of(at))).collect();
        let after = figures(&records).recovered_after_s.expect("it recovers");
        // 40 of the 50 due in a second are possible, so 38 are enough.
        assert!((after - 2.2).abs() < 1e-9, "{after}");
        let never: Vec<Record> = (0..500).map(|n| record(41_000 + n * 20, Outcome::TimedOut)).collect();
        assert_eq!(figures(&never).recovered_after_s, None);
        assert_eq!(figures(&[]).recovered_after_s, None);
    }

    #[test]
    fn a_phase_without_requests_has_no_shares() {
        let calm = figures(&[]).phases.calm;
        assert_eq!((calm.goodput_share, calm.p99_ms, calm.shed_share), (None, None, None));
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut values: Vec<u32> = (1..=200).rev().collect();
        assert_eq!(quantile(&mut values, 0.99), Some(198));
        assert_eq!(quantile(&mut values, 0.0), Some(1));
        assert_eq!(quantile(&mut values, 1.0), Some(200));
        assert_eq!(quantile::<u32>(&mut [], 0.5), None);
        assert_eq!(quantile(&mut [7], 0.99), Some(7));
    }

    #[test]
    fn slices_cover_the_measured_time_once() {
        let records: Vec<Record> = (0..5_100).map(|n| record(n * 10, Outcome::Served)).collect();
        let slices = slices(&records, &plan(), |_| 1_000.0, 50);
        assert_eq!(slices.len(), 50);
        assert!(slices.iter().all(|slice| (slice.goodput - 100.0).abs() < 1.5), "{slices:?}");
        assert_eq!((slices[0].phase, slices[49].phase), (Phase::Calm, Phase::Recovery));
    }

    #[test]
    fn the_json_has_the_promised_shape() {
        let runs = Runs { unprotected: Some(figures(&[])), protected: Some(figures(&[])) };
        let json = serde_json::to_value(Report { runs }).expect("serialises");
        let keys = |value: &serde_json::Value| -> Vec<String> {
            let mut keys: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&json), ["runs"]);
        assert_eq!(keys(&json["runs"]), ["protected", "unprotected"]);
        let run = &json["runs"]["protected"];
        assert_eq!(keys(run), ["phases", "recovered_after_s"]);
        assert_eq!(keys(&run["phases"]), ["calm", "gray", "outage", "overload", "recovery"]);
        let figures = [
            "capacity_per_s",
            "goodput_per_s",
            "goodput_share",
            "offered_per_s",
            "p99_ms",
            "shed_share",
            "success",
        ];
        assert_eq!(keys(&run["phases"]["gray"]), figures);
        let tiers = ["bulk", "critical", "high", "low", "normal"];
        assert_eq!(keys(&run["phases"]["gray"]["success"]), tiers);
    }
}
