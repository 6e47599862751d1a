// SPDX-License-Identifier: Apache-2.0
//! The reconstructed service lives through the recorded arrivals, behind the engine of production.
//! The run records itself, so that recording and model are looked at in the same way.

use std::time::Duration;

use atrion_core::{Mode, Mono, Tier, Wall};
use atrion_engine::recording::Recorded;
use atrion_engine::{Config, RouteConfig};

use super::{Course, Limits, ReplayError, Service};
use crate::dice::Dice;
use crate::plant;
use crate::policy::Guarded;
use crate::scenario::{Change, GateAt, LoadSpec, PlantSpec, Scenario, Shape};

/// Which requests came when.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// Seconds before the recording, in which the gate learns.
    lead: f64,
    seconds: usize,
    times: Vec<f64>,
    tiers: Vec<Tier>,
}

/// A route that had learned when the recording began has this long to learn here, from the first
/// seconds' traffic.
const LEAD: f64 = 15.0;
const REPEATED: f64 = 5.0;

impl Traffic {
    /// Arrivals are known by windows; within one they are spread at random.
    pub(crate) fn of(recorded: &Recorded, course: &Course, seed: u64) -> Self {
        let origin = Course::origin(recorded);
        let mut dice = Dice::stream(seed, 11);
        let mut arrivals = Vec::new();
        for pulse in recorded.pulses().filter(|pulse| pulse.at > origin) {
            let until = pulse.at.seconds_since(origin);
            let from = (until - pulse.dt_ns as f64 * 1e-9).max(0.0);
            for (tier, offered) in Tier::ALL.into_iter().zip(pulse.offered()) {
                arrivals.extend((0..offered).map(|_| (dice.between(from, until.max(from)), tier)));
            }
        }
        let had_learned = recorded.pulses().next().is_some_and(|pulse| pulse.decided.mode != Mode::Bootstrap);
        let lead = if had_learned { LEAD } else { 0.0 };
        let repeated = REPEATED.min(course.seconds.len() as f64);
        let first: Vec<_> = arrivals.iter().filter(|(at, _)| *at < repeated).copied().collect();
        arrivals.iter_mut().for_each(|(at, _)| *at += lead);
        let mut before = lead;
        while before > 0.0 {
            before -= repeated;
            arrivals.extend(first.iter().map(|(at, tier)| (at + before, *tier)).filter(|(at, _)| *at >= 0.0));
        }
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (times, tiers) = arrivals.into_iter().unzip();
        Self { lead, seconds: course.seconds.len(), times, tiers }
    }
}

/// The service of the recording: of some that could be it, the one in which the recorded
/// configuration does most nearly what it did.
pub(crate) fn fitted(
    recorded: &Recorded,
    course: &Course,
    traffic: &Traffic,
    config: &RouteConfig,
    seed: u64,
    tried: usize,
) -> Result<(Service, Course), ReplayError> {
    let origin = Course::origin(recorded);
    let simplest = Service::of(recorded, origin, course.seconds.len());
    let mut others = Vec::new();
    // With many requests the simplest has to do: each try is a whole run.
    if traffic.times.len() <= tried {
        let factors: &[f64] = if simplest.is_reached { &[0.85, 1.0, 1.18] } else { &[1.0] };
        for factor in factors {
            for shape in [Shape::Constant, Shape::Even, Shape::Exponential] {
                others.push(simplest.with(recorded, origin, *factor, shape));
            }
        }
    } else {
        others.push(simplest);
    }
    let mut best: Option<(f64, Service, Course)> = None;
    for service in others {
        let lived = live(&service, traffic, config, seed)?;
        let apart = course.distance(&lived) + 100.0 * (course.shed_share() - lived.shed_share()).abs();
        if best.as_ref().is_none_or(|(least, _, _)| apart < *least) {
            best = Some((apart, service, lived));
        }
    }
    let nothing = ReplayError::TooShort { pulses: 0, seconds: 0.0 };
    best.map(|(_, service, course)| (service, course)).ok_or(nothing)
}

/// One run, from the first second of the recording on.
pub(crate) fn live(
    service: &Service,
    traffic: &Traffic,
    config: &RouteConfig,
    seed: u64,
) -> Result<Course, ReplayError> {
    let scenario = scenario(service, traffic);
    scenario.check()?;
    // An operator's cap and shadow mode belong to the configuration and hold here, too.
    let mut gate = Guarded::new(Config { default: config.clone(), ..Config::default() })?;
    let span = Duration::from_secs_f64(scenario.seconds + 10.0);
    let kept = gate.keep(span);
    plant::run(&scenario, seed, &mut gate);
    let origin = Mono::ZERO.after(Duration::from_secs_f64(traffic.lead));
    let mut course = Course::of(&kept.recorded(Mono::ZERO, Wall::from_millis(0)), origin, &Limits::none())?;
    // At the end nothing may have come any more.
    course.seconds.resize_with(traffic.seconds, Default::default);
    Ok(course)
}

fn scenario(service: &Service, traffic: &Traffic) -> Scenario {
    let first = service.conditions.first().map_or(0.01, |condition| condition.service);
    let change = service.conditions.iter().enumerate().map(|(second, condition)| Change {
        // The first second holds for the time before it, too.
        at: if second == 0 { 0.0 } else { traffic.lead + second as f64 },
        service: Some(condition.service),
        errors: Some(condition.errors),
        error_seconds: Some(condition.error_seconds),
        speed: Some(if condition.is_stalled { 0.0 } else { 1.0 }),
        ..Change::default()
    });
    Scenario {
        name: "recording".to_owned(),
        purpose: "A recorded incident.".to_owned(),
        seconds: traffic.lead + traffic.seconds as f64,
        scored_from: 0.0,
        bin: 1.0,
        plant: PlantSpec {
            workers: service.workers.max(1),
            service: first.clamp(1e-5, 60.0),
            shape: service.shape,
            queue: None,
            // When a call is late, the configuration says.
            deadline: 600.0,
            told: false,
            gate: GateAt::Server,
            drops_abandoned: false,
            haste: 0.0,
            refusal_cost: 0.0,
            contention: 0.0,
        },
        load: LoadSpec {
            recorded: traffic.times.clone(),
            recorded_tiers: traffic.tiers.clone(),
            ..LoadSpec::default()
        },
        route: Vec::new(),
        change: change.collect(),
        nuisance: Vec::new(),
        freeze: Vec::new(),
    }
}
