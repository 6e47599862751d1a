// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a scenario: everything at once, each fault with its field, its value and what
//! it must be.

use core::fmt;

use super::{Scenario, Shape};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct ScenarioFault {
    /// The field, as a path.
    pub at: String,
    /// What it must be.
    pub must: &'static str,
    /// What it is.
    pub value: f64,
}

impl fmt::Display for ScenarioFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}, got {}", self.at, self.must, self.value)
    }
}

/// Why there is no scenario.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The text is not TOML, or not of this form.
    #[error("scenario cannot be read: {0}")]
    Unreadable(Box<toml::de::Error>),
    /// It can be read and makes no sense.
    #[error("scenario {name:?} refused, {} to mend: {}", faults.len(), join(faults))]
    Invalid {
        /// Its name.
        name: String,
        /// Everything that is wrong.
        faults: Vec<ScenarioFault>,
    },
    /// There is no such set.
    #[error(
        "unknown set {0:?}: named, heldout, callers, nuisance, routes or random:N:SEED with N in 1..=100000"
    )]
    UnknownSet(String),
}

fn join(faults: &[ScenarioFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

struct Faults(Vec<ScenarioFault>);

impl Faults {
    fn demand(&mut self, holds: bool, at: impl Into<String>, must: &'static str, value: f64) {
        if !holds {
            self.0.push(ScenarioFault { at: at.into(), must, value });
        }
    }

    fn within(&mut self, at: impl Into<String>, value: f64, lo: f64, hi: f64, must: &'static str) {
        self.demand((lo..=hi).contains(&value), at, must, value);
    }

    fn maybe(&mut self, at: String, value: Option<f64>, lo: f64, hi: f64, must: &'static str) {
        if let Some(value) = value {
            self.within(at, value, lo, hi, must);
        }
    }

    fn tiers(&mut self, at: impl Into<String>, tiers: [f64; 5]) {
        let sum: f64 = tiers.iter().sum();
        let valid = tiers.iter().all(|share| (0.0..=1e6).contains(share)) && sum > 0.0;
        self.demand(valid, at, "five shares, none negative, not all 0", sum);
    }
}

impl Scenario {
    /// Checks every field.
    ///
    /// # Errors
    /// [`ScenarioError::Invalid`] with all faults.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let mut faults = Faults(Vec::new());
        self.check_frame(&mut faults);
        self.check_plant(&mut faults);
        self.check_load(&mut faults);
        self.check_routes(&mut faults);
        self.check_changes(&mut faults);
        self.check_nuisance(&mut faults);
        if faults.0.is_empty() {
            Ok(())
        } else {
            Err(ScenarioError::Invalid { name: self.name.clone(), faults: faults.0 })
        }
    }

    fn check_frame(&self, faults: &mut Faults) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let named = !self.name.is_empty() && self.name.chars().all(plain);
        faults.demand(named, "name", "of a-z, 0-9 and -", self.name.len() as f64);
        faults.demand(!self.purpose.trim().is_empty(), "purpose", "a sentence", 0.0);
        faults.within("seconds", self.seconds, 1.0, 1e6, "1..=1e6 s");
        faults.within("bin", self.bin, 0.1, 3600.0, "0.1..=3600 s");
        let room = self.seconds - 2.0 * self.bin;
        faults.within("scored_from", self.scored_from, 0.0, room, "0 or more, and two bins before the end");
    }

    fn check_plant(&self, faults: &mut Faults) {
        let plant = &self.plant;
        faults.within("plant.workers", f64::from(plant.workers), 1.0, 1e5, "1..=100000");
        faults.within("plant.service", plant.service, 1e-5, 60.0, "0.00001..=60 s");
        faults.within("plant.deadline", plant.deadline, 1e-4, 600.0, "0.0001..=600 s");
        faults.within("plant.haste", plant.haste, 0.0, 1.0, "0..=1");
        faults.within("plant.refusal_cost", plant.refusal_cost, 0.0, plant.service, "0..=service");
        faults.within("plant.contention", plant.contention, 0.0, 10.0, "0..=10");
        match plant.shape {
            Shape::Lognormal(sd) => faults.within("plant.shape.lognormal", sd, 0.01, 3.0, "0.01..=3"),
            Shape::Pareto(exponent) => faults.within("plant.shape.pareto", exponent, 1.1, 20.0, "1.1..=20"),
            Shape::TwoKinds(share) => faults.within("plant.shape.two_kinds", share, 0.0, 1.0, "0..=1"),
            Shape::Constant | Shape::Even | Shape::Exponential => {}
        }
    }

    fn check_load(&self, faults: &mut Faults) {
        let load = &self.load;
        let given = u32::from(load.load.is_some()) + u32::from(load.rate.is_some());
        let given = given + u32::from(!load.recorded.is_empty());
        faults.demand(given == 1, "load", "given once, as `load`, `rate` or `recorded`", f64::from(given));
        faults.maybe("load.load".into(), load.load, 0.0, 1e3, "0..=1000 capacities");
        faults.maybe("load.rate".into(), load.rate, 0.0, 1e6, "0..=1e6 /s");
        faults.tiers("load.tiers", load.tiers);
        faults.within("load.users", f64::from(load.users), 1.0, 1e6, "1..=1e6");
        faults.within("load.burst", load.burst, 1.0, 1e4, "1..=10000");
        faults.maybe("load.lattice".into(), load.lattice, 0.001, 3600.0, "0.001..=3600 s");
        let alone = load.lattice.is_none() || load.burst <= 1.0 && load.recorded.is_empty();
        faults.demand(alone, "load.lattice", "given without `burst` and `recorded`", 1.0);
        let ordered = load.recorded.windows(2).all(|pair| pair[0] <= pair[1]);
        let valid = ordered && load.recorded.iter().all(|at| at.is_finite() && *at >= 0.0);
        faults.demand(valid, "load.recorded", "in order of time", load.recorded.len() as f64);
        let tiers = load.recorded_tiers.len();
        let fits = tiers == 0 || tiers == load.recorded.len();
        faults.demand(fits, "load.recorded_tiers", "as many as `recorded`, or none", tiers as f64);
        if let Some(wave) = load.wave {
            faults.within("load.wave.period", wave.period, 0.1, 1e6, "0.1..=1e6 s");
            faults.within("load.wave.amplitude", wave.amplitude, 0.0, 1.0, "0..=1");
        }
        if let Some(retries) = load.retries {
            faults.within("load.retries.attempts", f64::from(retries.attempts), 1.0, 20.0, "1..=20");
            faults.within("load.retries.backoff", retries.backoff, 0.001, 600.0, "0.001..=600 s");
        }
    }

    fn check_nuisance(&self, faults: &mut Faults) {
        for (nth, nuisance) in self.nuisance.iter().enumerate() {
            let at = |field: &str| format!("nuisance.{nth}.{field}");
            faults.within(at("rate"), nuisance.rate, 0.001, 1e5, "0.001..=100000 /s");
            faults.within(at("connections"), f64::from(nuisance.connections), 1.0, 1e6, "1..=1e6");
            faults.within(at("holds"), nuisance.holds, 0.0, 1e6, "0..=1e6 s");
            faults.within(at("from"), nuisance.from, 0.0, self.seconds, "before the end");
            faults.maybe(at("wave"), nuisance.wave, 0.1, 1e6, "0.1..=1e6 s");
        }
    }

    fn check_routes(&self, faults: &mut Faults) {
        for (nth, route) in self.route.iter().enumerate() {
            let at = |field: &str| format!("route.{nth}.{field}");
            faults.within(at("share"), route.share, 1e-6, 1e6, "0.000001..=1e6");
            faults.within(at("work"), route.work, 1e-3, 1e3, "0.001..=1000");
            if let Some(own) = route.own {
                faults.within(at("own.workers"), f64::from(own.workers), 1.0, 1e5, "1..=100000");
                faults.within(at("own.service"), own.service, 1e-5, 60.0, "0.00001..=60 s");
            }
            if let Some(trouble) = route.trouble {
                faults.within(at("trouble.from"), trouble.from, 0.0, self.seconds, "before the end");
                faults.within(at("trouble.until"), trouble.until, trouble.from, 1e6, "`from` or later");
                faults.within(at("trouble.errors"), trouble.errors, 0.0, 1.0, "0..=1");
                faults.within(at("trouble.error_seconds"), trouble.error_seconds, 0.0, 60.0, "0..=60 s");
                faults.within(at("trouble.slow"), trouble.slow, 0.0, 600.0, "0..=600 s");
            }
        }
    }

    fn check_changes(&self, faults: &mut Faults) {
        let mut last = 0.0;
        for (nth, change) in self.change.iter().enumerate() {
            let at = |field: &str| format!("change.{nth}.{field}");
            faults.within(at("at"), change.at, last, self.seconds, "in order, and before the end");
            last = change.at;
            faults.within(at("ramp"), change.ramp, 0.0, self.seconds, "0..=seconds");
            let both = change.load.is_some() && change.rate.is_some();
            faults.demand(!both, at("load"), "given as `load` or as `rate`", 2.0);
            faults.maybe(at("load"), change.load, 0.0, 1e3, "0..=1000 capacities");
            faults.maybe(at("rate"), change.rate, 0.0, 1e6, "0..=1e6 /s");
            faults.maybe(at("workers"), change.workers.map(f64::from), 0.0, 1e5, "0..=100000");
            faults.maybe(at("speed"), change.speed, 0.0, 100.0, "0..=100");
            faults.maybe(at("service"), change.service, 1e-5, 60.0, "0.00001..=60 s");
            faults.maybe(at("errors"), change.errors, 0.0, 1.0, "0..=1");
            faults.maybe(at("error_seconds"), change.error_seconds, 0.0, 60.0, "0..=60 s");
            faults.maybe(at("hang"), change.hang, 0.0, 1.0, "0..=1");
            faults.maybe(at("hang_seconds"), change.hang_seconds, 0.001, 600.0, "0.001..=600 s");
            faults.maybe(at("throttle"), change.throttle, 0.0, 1e6, "0..=1e6 /s");
            if let Some(tiers) = change.tiers {
                faults.tiers(at("tiers"), tiers);
            }
        }
        for (nth, freeze) in self.freeze.iter().enumerate() {
            let at = |field: &str| format!("freeze.{nth}.{field}");
            faults.within(at("from"), freeze.from, 0.0, self.seconds, "before the end");
            faults.within(at("until"), freeze.until, freeze.from, 1e6, "`from` or later");
            faults.within(at("every"), freeze.every, 0.01, 1e6, "0.01 s or more");
            faults.within(at("lasts"), freeze.lasts, 0.001, 0.95 * freeze.every, "under 0.95 of `every`");
        }
    }
}
