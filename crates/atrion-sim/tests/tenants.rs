// SPDX-License-Identifier: Apache-2.0
//! Tenants that share one route in the wind tunnel: who gets what of a service that cannot serve
//! all.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // helpers speak as tests do

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Tenant, Wall};
use atrion_engine::{Config, Engine, OwnedPermit, Route};
use atrion_sim::policy::{Ended, Policy, Request};
use atrion_sim::{Scenario, plant};
use atrion_state::FakeClock;

const DEADLINE: Duration = Duration::from_millis(500);

/// The engine of production behind which each request is of one of several tenants.
struct Shared {
    clock: FakeClock,
    engine: Engine,
    route: Route,
    /// How the demand is spread at a moment, in seconds: sums up, the last one is 1.
    upto: fn(f64) -> Vec<f64>,
    spread: Vec<f64>,
    weights: Vec<f64>,
    /// Requests do not say whose they are.
    blind: bool,
    /// What comes before, in seconds, is not scored.
    scored_from: f64,
    /// Of 50 ms for each request.
    workers: f64,
    calls: Vec<Option<(OwnedPermit, usize, f64)>>,
    tally: Tally,
}

#[derive(Default, Clone)]
struct Tally {
    came: Vec<f64>,
    good: Vec<f64>,
}

impl Shared {
    fn new(upto: fn(f64) -> Vec<f64>) -> Self {
        let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
        let config = Config::default().slo(DEADLINE);
        let tick = Duration::from_millis(100);
        let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), tick).unwrap();
        let route = engine.route("shared");
        let spread = upto(0.0);
        let none = vec![0.0; spread.len()];
        let tally = Tally { came: none.clone(), good: none };
        let weights = vec![1.0; spread.len()];
        Self {
            clock,
            engine,
            route,
            upto,
            spread,
            weights,
            blind: false,
            scored_from: 20.0,
            workers: 20.0,
            calls: Vec::new(),
            tally,
        }
    }

    /// One minute at so many times the capacity.
    fn run(mut self, load: f64, seed: u64) -> Tally {
        let workers = self.workers;
        let scenario = format!(
            r#"
            name = "tenants"
            purpose = "Tenants share a service that cannot serve all."
            seconds = 80
            plant = {{ workers = {workers}, service = 0.05, deadline = 0.5 }}
            load = {{ load = {load}, tiers = [0, 0, 1, 0, 0] }}
            "#
        );
        plant::run(&Scenario::parse(&scenario).unwrap(), seed, &mut self);
        self.tally
    }

    fn seconds(now: Mono) -> f64 {
        now.as_nanos() as f64 * 1e-9
    }
}

impl Policy for Shared {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        self.clock.set(now);
        let at = Self::seconds(now);
        let drawn = (request.luck >> 11) as f64 / (1u64 << 53) as f64;
        let nth = self.spread.partition_point(|upto| *upto <= drawn).min(self.spread.len() - 1);
        if at >= self.scored_from {
            self.tally.came[nth] += 1.0;
        }
        let mut priority = request.priority();
        if !self.blind {
            priority = priority.tenant(Tenant::new(nth as u64).with_weight(self.weights[nth]));
        }
        let Ok(permit) = self.route.admit_owned(priority) else { return false };
        let place = call as usize;
        if self.calls.len() <= place {
            self.calls.resize_with(place + 1, || None);
        }
        self.calls[place] = Some((permit, nth, at));
        true
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration) {
        self.clock.set(now);
        let Some((permit, nth, at)) = self.calls[call as usize].take() else { return };
        if at >= self.scored_from && ended.is_answer() && took <= DEADLINE {
            self.tally.good[nth] += 1.0;
        }
        match ended.outcome() {
            Some(outcome) => permit.finish_at(outcome, now),
            None => drop(permit),
        }
    }

    fn tick(&mut self, now: Mono) {
        self.clock.set(now);
        self.spread = (self.upto)(Self::seconds(now));
        self.engine.pulse(now);
    }
}

fn sums(demands: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let mut upto: Vec<f64> = demands
        .into_iter()
        .map(|demand| {
            sum += demand;
            sum
        })
        .collect();
    upto.iter_mut().for_each(|upto| *upto /= sum);
    upto
}

/// One with nine tenths of the load, and twenty that share the rest.
fn one_heavy(_: f64) -> Vec<f64> {
    sums([0.9].into_iter().chain([0.005; 20]))
}

fn share(part: &[f64], of: &[f64]) -> f64 {
    part.iter().sum::<f64>() / of.iter().sum::<f64>()
}

/// The level at which the lesser of it and what each asks for sum up to what there is.
fn level(came: &[f64], there_is: f64) -> f64 {
    let (mut low, mut high) = (0.0, there_is);
    for _ in 0..100 {
        let level = 0.5 * (low + high);
        let sum: f64 = came.iter().map(|came| came.min(level)).sum();
        if sum < there_is { low = level } else { high = level }
    }
    high
}

#[test]
fn one_tenant_with_nine_tenths_of_twice_the_capacity_takes_nothing_from_the_others() {
    for (workers, seed) in [20.0, 40.0].into_iter().flat_map(|workers| [1, 2, 3].map(|seed| (workers, seed)))
    {
        let Tally { came, good } = Shared { workers, ..Shared::new(one_heavy) }.run(2.0, seed);
        let others = share(&good[1..], &came[1..]);
        // A minute's capacity at 50 ms a request, less what the others have.
        let fair = workers * 20.0 * 60.0 - good[1..].iter().sum::<f64>();
        println!(
            "{workers} workers: others {:.2} %, heavy {:.1} % of what is left",
            100.0 * others,
            100.0 * good[0] / fair
        );
        assert!(others >= 0.99, "seed {seed}: the others have {others:.4}");
        assert!(good[0] >= 0.9 * fair, "seed {seed}: the heavy one has {} of {fair}", good[0]);
    }
    let Tally { came, good } = Shared { workers: 40.0, blind: true, ..Shared::new(one_heavy) }.run(2.0, 1);
    assert!(share(&good[1..], &came[1..]) < 0.6, "it would say nothing otherwise");
}

#[test]
fn ten_thousand_tenants_of_very_different_demand_have_their_fair_parts() {
    let zipf = |_| sums((1..=10_000).map(|nth| 1.0 / f64::from(nth)));
    for seed in [1, 2, 3] {
        let Tally { came, good } = Shared { workers: 100.0, ..Shared::new(zipf) }.run(2.0, seed);
        let level = level(&came, good.iter().sum());
        let satisfied: Vec<f64> = came
            .iter()
            .zip(&good)
            .filter(|(came, _)| **came > 0.0)
            .map(|(came, good)| (good / came.min(level)).min(1.0))
            .collect();
        let (sum, squares) = satisfied.iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        let jain = sum * sum / (squares * satisfied.len() as f64);
        println!(
            "Jain {jain:.3} over {} tenants, the first has {:.1} of its fair part",
            satisfied.len(),
            good[0] / level
        );
        assert!(jain >= 0.95, "seed {seed}: {jain:.3}");
    }
}

#[test]
fn a_tenant_that_goes_quiet_is_as_any_other_within_seconds() {
    /// Nine tenths for half a minute, then nothing for five seconds, then as little as each other.
    fn goes_quiet(at: f64) -> Vec<f64> {
        let first = if at < 30.0 {
            9.0
        } else if at < 35.0 {
            0.0
        } else {
            0.05
        };
        let second = if at < 30.0 { 0.0 } else { 9.0 };
        sums([first, second].into_iter().chain([0.05; 18]))
    }
    let (mut all, mut served) = (0.0, 0.0);
    for seed in 1..=6 {
        let Tally { came, good } =
            Shared { scored_from: 35.0, workers: 40.0, ..Shared::new(goes_quiet) }.run(2.0, seed);
        (all, served) = (all + came[0], served + good[0]);
    }
    println!("{served} of {all}");
    assert!(served >= 0.99 * all, "{served} of {all}");
}

#[test]
fn weights_share_what_there_is() {
    let pair = |_| sums([0.49, 0.49, 0.01, 0.01]);
    let weights = vec![1.0, 3.0, 1.0, 1.0];
    let Tally { came, good } = Shared { weights, workers: 100.0, ..Shared::new(pair) }.run(2.5, 1);
    assert!(share(&good[2..], &came[2..]) >= 0.99, "{good:?} of {came:?}");
    let ratio = good[1] / good[0];
    println!("{ratio:.2} times as much");
    assert!((2.4..3.6).contains(&ratio), "{ratio:.2}");
}
