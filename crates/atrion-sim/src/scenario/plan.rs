// SPDX-License-Identifier: Apache-2.0
//! A scenario's changes and freezes, laid out in time.

use super::{Scenario, Wave};

/// What holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Conditions {
    /// Shares of the tiers.
    pub tiers: [f64; 5],
    /// Workers.
    pub workers: u32,
    /// How fast work is done; 0 in a freeze.
    pub speed: f64,
    /// Mean service time.
    pub service: f64,
    /// Share of calls that fail whatever the load.
    pub errors: f64,
    /// How long such a failure takes, if not as long as a success.
    pub error_seconds: Option<f64>,
    /// Share of calls that hang.
    pub hang: f64,
    /// How long they do.
    pub hang_seconds: f64,
    /// Successes per second that a dependency allows.
    pub throttle: f64,
    /// Share of all calls that fail because their route is in trouble.
    pub sick: f64,
    /// How long such a call holds a worker.
    pub sick_seconds: f64,
}

impl Conditions {
    /// Share of calls that fail whatever a gate does.
    #[must_use]
    pub fn hopeless(&self) -> f64 {
        1.0 - (1.0 - self.errors) * (1.0 - self.hang) * (1.0 - self.sick)
    }

    /// Successes per second of a perfectly used plant.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        // What a call that fails or hangs takes of a worker, it takes from the others.
        let failing = self.error_seconds.map_or(self.service / self.speed.max(1e-9), |seconds| seconds);
        let served = self.service / self.speed.max(1e-9);
        let answered = self.errors * failing + (1.0 - self.errors) * served;
        let mean = self.hang * self.hang_seconds + (1.0 - self.hang) * answered;
        let mean = self.sick * self.sick_seconds + (1.0 - self.sick) * mean;
        let calls = f64::from(self.workers) / mean.max(1e-9);
        (calls * (1.0 - self.hopeless())).min(self.throttle)
    }
}

/// The course of a scenario.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<(f64, Conditions)>,
    /// Rates: from `at` on, from one rate to another within a time.
    rates: Vec<Ramp>,
    wave: Option<Wave>,
}

#[derive(Debug, Clone, Copy)]
struct Ramp {
    at: f64,
    seconds: f64,
    from: f64,
    to: f64,
}

impl Plan {
    /// The plan of a scenario that has been checked.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let capacity = scenario.capacity();
        let first = Conditions {
            tiers: scenario.load.tiers,
            workers: scenario.plant.workers,
            speed: 1.0,
            service: scenario.plant.service,
            errors: 0.0,
            error_seconds: None,
            hang: 0.0,
            hang_seconds: 10.0,
            throttle: f64::INFINITY,
            sick: 0.0,
            sick_seconds: 0.0,
        };
        let rate = scenario.load.rate.or(scenario.load.load.map(|load| load * capacity)).unwrap_or(0.0);
        let mut steps = vec![(0.0, first)];
        let mut rates = vec![Ramp { at: 0.0, seconds: 0.0, from: rate, to: rate }];
        let (mut now, mut rate) = (first, rate);
        for change in &scenario.change {
            if let Some(to) = change.rate.or(change.load.map(|load| load * capacity)) {
                rates.push(Ramp { at: change.at, seconds: change.ramp, from: rate, to });
                rate = to;
            }
            now = Conditions {
                tiers: change.tiers.unwrap_or(now.tiers),
                workers: change.workers.unwrap_or(now.workers),
                speed: change.speed.unwrap_or(now.speed),
                service: change.service.unwrap_or(now.service),
                errors: change.errors.unwrap_or(now.errors),
                error_seconds: change.error_seconds.or(now.error_seconds),
                hang: change.hang.unwrap_or(now.hang),
                hang_seconds: change.hang_seconds.unwrap_or(now.hang_seconds),
                throttle: match change.throttle {
                    Some(0.0) => f64::INFINITY,
                    Some(bound) => bound,
                    None => now.throttle,
                },
                ..now
            };
            steps.push((change.at, now));
        }
        let mut plan = Self { steps, rates, wave: scenario.load.wave };
        plan.lay_troubles(scenario);
        plan.lay_freezes(scenario);
        plan
    }

    /// What befalls single routes, as a share of all calls.
    fn lay_troubles(&mut self, scenario: &Scenario) {
        let routes = &scenario.route;
        for at in routes.iter().filter_map(|route| route.trouble).flat_map(|one| [one.from, one.until]) {
            let conditions = *self.at(at);
            let place = self.steps.partition_point(|(when, _)| *when <= at);
            self.steps.insert(place, (at, conditions));
        }
        let shares: f64 = routes.iter().map(|route| route.share).sum();
        for (at, conditions) in &mut self.steps {
            let sick = routes.iter().filter_map(|route| Some((route.share, route.trouble_at(*at)?)));
            let (mut failing, mut held) = (0.0, 0.0);
            for (share, trouble) in sick {
                failing += share / shares * trouble.errors;
                held += share / shares * trouble.errors * trouble.error_seconds;
            }
            conditions.sick = failing;
            conditions.sick_seconds = if failing > 0.0 { held / failing } else { 0.0 };
        }
    }

    fn lay_freezes(&mut self, scenario: &Scenario) {
        for freeze in &scenario.freeze {
            let mut at = freeze.from;
            while at <= freeze.until && at < scenario.seconds {
                let end = at + freeze.lasts;
                let after = *self.at(end);
                let frozen = Conditions { speed: 0.0, ..*self.at(at) };
                // A change inside a freeze shows when it is over.
                self.steps.retain(|(when, _)| !(at..=end).contains(when));
                let place = self.steps.partition_point(|(when, _)| *when < at);
                self.steps.splice(place..place, [(at, frozen), (end, after)]);
                at += freeze.every;
            }
        }
    }

    /// What holds at `at`.
    #[must_use]
    pub fn at(&self, at: f64) -> &Conditions {
        let place = self.steps.partition_point(|(when, _)| *when <= at);
        &self.steps[place.saturating_sub(1)].1
    }

    /// Every change of conditions, in order.
    #[must_use]
    pub fn steps(&self) -> &[(f64, Conditions)] {
        &self.steps
    }

    /// Requests per second that are offered at `at`.
    #[must_use]
    pub fn rate(&self, at: f64) -> f64 {
        let place = self.rates.partition_point(|ramp| ramp.at <= at);
        let Ramp { at: begin, seconds, from, to } = self.rates[place.saturating_sub(1)];
        let done = if seconds > 0.0 { ((at - begin) / seconds).min(1.0) } else { 1.0 };
        let swing = self
            .wave
            .map_or(1.0, |wave| 1.0 + wave.amplitude * libm::sin(core::f64::consts::TAU * at / wave.period));
        (from + (to - from) * done) * swing
    }

    /// The next moment after `at` at which the rate jumps.
    #[must_use]
    pub fn next_jump(&self, at: f64) -> f64 {
        let place = self.rates.partition_point(|ramp| ramp.at <= at);
        self.rates.get(place).map_or(f64::INFINITY, |ramp| ramp.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(text: &str) -> Scenario {
        Scenario::parse(&format!(
            "name = 'x'\npurpose = 'p'\nseconds = 100\n{text}\n[plant]\nworkers = 10\nservice = 0.1\n\
             deadline = 1.0\n[load]\nload = 0.5"
        ))
        .unwrap()
    }

    #[test]
    fn a_ramp_moves_the_rate_and_nothing_else_moves_by_itself() {
        let mut ramped = scenario("");
        ramped.change.push(super::super::Change {
            at: 10.0,
            ramp: 10.0,
            load: Some(1.5),
            speed: Some(0.5),
            ..Default::default()
        });
        let plan = Plan::of(&ramped);
        assert!((plan.rate(9.9) - 50.0).abs() < 1e-9);
        assert!((plan.rate(15.0) - 100.0).abs() < 1e-9);
        assert!((plan.rate(50.0) - 150.0).abs() < 1e-9);
        assert!((plan.at(9.9).speed - 1.0).abs() < 1e-9 && (plan.at(10.0).speed - 0.5).abs() < 1e-9);
        assert!((plan.at(10.0).capacity() - 50.0).abs() < 1e-6);
    }

    #[test]
    fn a_freeze_ends_in_what_holds_then() {
        let mut frozen = scenario("");
        frozen.change.push(super::super::Change { at: 20.2, speed: Some(2.0), ..Default::default() });
        frozen.freeze.push(super::super::Freeze { from: 20.0, until: 30.0, every: 5.0, lasts: 0.5 });
        let plan = Plan::of(&frozen);
        for (at, speed) in [(19.9, 1.0), (20.3, 0.0), (20.6, 2.0), (25.1, 0.0), (25.6, 2.0), (30.2, 0.0)] {
            assert!((plan.at(at).speed - speed).abs() < 1e-9, "{at}");
        }
        assert!(plan.steps().windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}
