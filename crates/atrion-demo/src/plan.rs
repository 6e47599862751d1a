// SPDX-License-Identifier: Apache-2.0
//! The five phases, the fault of each one, and the instants of the requests.
//!
//! Arrivals are a process of rate 1 on an axis of *demand*; a phase stretches that axis to its own
//! rate. A Poisson stream and a recorded log share this code, a log keeps its order and its gaps in
//! proportion, and both runs get one schedule.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One part of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// Calm traffic before the measurement: connections are opened, the guard learns.
    Warmup,
    /// Seven tenths of the capacity.
    Calm,
    /// Three times the capacity.
    Overload,
    /// Every second worker is several times slower, without an error.
    Gray,
    /// 1.2 times the capacity; in comparisons alone.
    Sustained,
    /// The dependency hangs.
    Outage,
    /// The service is healthy again.
    Recovery,
}

impl Phase {
    pub(crate) const MEASURED: [Phase; 5] =
        [Phase::Calm, Phase::Overload, Phase::Gray, Phase::Outage, Phase::Recovery];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Warmup => "warm-up",
            Phase::Calm => "calm",
            Phase::Overload => "overload",
            Phase::Gray => "gray",
            Phase::Sustained => "sustained",
            Phase::Outage => "outage",
            Phase::Recovery => "recovery",
        }
    }

    /// Arrivals as a multiple of the healthy capacity.
    fn load(self) -> f64 {
        match self {
            Phase::Overload => 3.0,
            Phase::Sustained => 1.2,
            _ => CALM_LOAD,
        }
    }
}

/// Calm traffic uses seven tenths of the healthy capacity.
pub(crate) const CALM_LOAD: f64 = 0.7;

/// The phases of a run with their rates.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) phase: Phase,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    /// Mean arrivals per second.
    pub(crate) rate: f64,
}

impl Plan {
    /// The warm-up and the five phases, for a service that answers `capacity` requests per second.
    pub(crate) fn new(warmup: Duration, phase: Duration, capacity: f64) -> Self {
        let mut from = Duration::ZERO;
        let mut stretches = Vec::with_capacity(6);
        for (name, length) in [(Phase::Warmup, warmup)].into_iter().chain(Phase::MEASURED.map(|p| (p, phase)))
        {
            let until = from + length;
            stretches.push(Stretch { phase: name, from, until, rate: capacity * name.load() });
            from = until;
        }
        Self { stretches }
    }

    /// The given phases instead.
    pub(crate) fn of(phases: &[(Phase, Duration)], capacity: f64) -> Self {
        let mut from = Duration::ZERO;
        let stretch = |&(phase, length): &(Phase, Duration)| {
            let until = from + length;
            Stretch { phase, from: std::mem::replace(&mut from, until), until, rate: capacity * phase.load() }
        };
        Self { stretches: phases.iter().map(stretch).collect() }
    }

    /// When the last request may arrive.
    pub(crate) fn end(&self) -> Duration {
        self.stretches.last().map_or(Duration::ZERO, |stretch| stretch.until)
    }

    /// The length of the phases after the warm-up.
    pub(crate) fn measured(&self) -> Duration {
        let begin = self.stretch(Phase::Calm).map_or(Duration::ZERO, |stretch| stretch.from);
        self.end().saturating_sub(begin)
    }

    pub(crate) fn stretch(&self, phase: Phase) -> Option<&Stretch> {
        self.stretches.iter().find(|stretch| stretch.phase == phase)
    }

    /// The phase at time `at`; the last one for all time after it.
    pub(crate) fn phase_at(&self, at: Duration) -> Phase {
        let now = self.stretches.iter().find(|stretch| at < stretch.until);
        now.or(self.stretches.last()).map_or(Phase::Warmup, |stretch| stretch.phase)
    }

    /// When the accumulated demand reaches `demand` requests; `None` once the plan is over.
    pub(crate) fn arrival(&self, demand: f64) -> Option<(Duration, Phase)> {
        let mut before = 0.0;
        for stretch in &self.stretches {
            let here = (stretch.until - stretch.from).as_secs_f64() * stretch.rate;
            if demand < before + here {
                let into = Duration::from_secs_f64(((demand - before) / stretch.rate).max(0.0));
                return Some((stretch.from + into, stretch.phase));
            }
            before += here;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new(Duration::from_secs(2), Duration::from_secs(10), 100.0)
    }

    #[test]
    fn demand_turns_into_time_at_each_phases_own_rate() {
        let plan = plan();
        // 2 s of warm-up and 10 s of calm bring 840 requests; the overload brings 300 a second.
        assert_eq!(plan.arrival(0.0), Some((Duration::ZERO, Phase::Warmup)));
        let (at, phase) = plan.arrival(840.0 + 150.0).expect("inside the plan");
        assert_eq!(phase, Phase::Overload);
        assert!((at.as_secs_f64() - 12.5).abs() < 1e-9, "{at:?}");
    }

    #[test]
    fn arrivals_end_with_the_plan() {
        let plan = plan();
        let total = 840.0 + 3000.0 + 3.0 * 700.0;
        assert!(
            plan.arrival(total - 0.5)
                .is_some_and(|(at, phase)| { phase == Phase::Recovery && at < plan.end() })
        );
        assert_eq!(plan.arrival(total + 0.5), None);
    }

    #[test]
    fn every_instant_belongs_to_one_phase() {
        let plan = plan();
        assert_eq!(plan.phase_at(Duration::ZERO), Phase::Warmup);
        assert_eq!(plan.phase_at(Duration::from_secs(2)), Phase::Calm);
        assert_eq!(plan.phase_at(Duration::from_secs(52)), Phase::Recovery);
        assert_eq!(plan.end(), Duration::from_secs(52));
    }
}
