// SPDX-License-Identifier: Apache-2.0
//! Recording to replay, end to end: a scenario is lived through in virtual time behind the engine
//! of production, which records into a file, and the file is lived through again. Here the truth is
//! known: what a candidate would have done is what it does when it lives through the scenario
//! itself.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may panic: that is how it speaks

use std::time::Duration;

use atrion_core::AdaptiveConfig;
use atrion_engine::recording::{Recorded, Recording};
use atrion_engine::{Config, Physics, RfcPhysics, RouteConfig};
use atrion_sim::policy::Guarded;
use atrion_sim::replay::{Comparison, Limits, ReplayError, replay};
use atrion_sim::{Scenario, Set, plant};

fn scenario(name: &str) -> Scenario {
    Set::Named.scenarios().unwrap().into_iter().find(|found| found.name == name).unwrap()
}

fn ordinary(scenario: &Scenario) -> RouteConfig {
    RouteConfig::default().slo(Duration::from_secs_f64(scenario.plant.deadline))
}

/// A scenario behind the engine with that configuration, as a file and back.
fn recorded(scenario: &Scenario, config: &RouteConfig, name: &str) -> Recorded {
    let path = std::env::temp_dir().join(format!("atrion-replay-{name}-{}.ndjson", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut gate = Guarded::new(Config { default: config.clone(), ..Config::default() }).unwrap();
    let recorder = gate.record(Recording::to(&path)).unwrap();
    plant::watch(scenario, 7, &mut gate, &mut |at, _, _| {
        // Virtual time is faster than a disk: now and then the writer gets a moment.
        if ((at * 10.0).round() as u64).is_multiple_of(100) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    recorder.stop();
    let recorded = Recorded::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    recorded
}

fn again(recorded: &Recorded) -> Comparison {
    replay(recorded, recorded.config().unwrap(), 1, &Limits::default()).unwrap()
}

#[test]
fn the_recorded_configuration_decides_to_the_bit_and_the_model_is_near() {
    for name in ["overload-2x", "gray-slow", "outage-fast", "capacity-loss", "steady-70", "flash-crowd"] {
        let scenario = scenario(name);
        let recorded = recorded(&scenario, &ordinary(&scenario), name);
        let comparison = again(&recorded);
        let text = comparison.text();
        assert!(comparison.proof.holds() && comparison.proof.pulses > 300, "{name}\n{text}");
        assert_eq!((recorded.lost(), recorded.end.as_deref()), (0, Some("stopped")), "{name}");
        let apart = (comparison.recorded.shed_share() - comparison.model.shed_share()).abs();
        assert!(apart < 0.04 && comparison.misfit_ohm < 5.0, "{name}: {apart:.3}\n{text}");
        assert_eq!((comparison.changes.len(), &comparison.candidate), (0, &comparison.model), "{name}");
        let knows = !comparison.notes.iter().any(|note| note.contains("no queue was ever seen"));
        assert_eq!(knows, !["steady-70", "outage-fast"].contains(&name), "{name}\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn what_a_candidate_would_have_done_is_what_it_does() {
    let with = |change: fn(&mut AdaptiveConfig)| {
        move |config: &RouteConfig| {
            let Physics::Adaptive(mut adaptive) = config.physics.clone() else { panic!("adaptive") };
            change(&mut adaptive);
            RouteConfig { physics: Physics::Adaptive(adaptive), ..config.clone() }
        }
    };
    let steep = with(|adaptive| adaptive.gain = 6.0);
    let flat = with(|adaptive| adaptive.gain = 0.5);
    let capped = |config: &RouteConfig| config.clone().cap(12);
    type Candidate<'a> = &'a dyn Fn(&RouteConfig) -> RouteConfig;
    let candidates: [(&str, Candidate<'_>); 3] = [("steep", &steep), ("flat", &flat), ("capped", &capped)];
    for name in ["overload-2x", "gray-slow", "flash-crowd"] {
        let scenario = scenario(name);
        let config = ordinary(&scenario);
        let was = recorded(&scenario, &config, &format!("was-{name}"));
        for (what, candidate) in &candidates {
            let candidate = candidate(&config);
            let told = replay(&was, &candidate, 1, &Limits::default()).unwrap();
            let truth = again(&recorded(&scenario, &candidate, &format!("is-{name}-{what}"))).recorded;
            let (told, truth) = (told.candidate.shed_share(), truth.shed_share());
            println!("{name} {what}: told {told:.3}, truth {truth:.3}");
            // A cap far under the recorded crowd asks the model for what was never seen, and with
            // room for what was worked off before the recorded crowd is larger than the work.
            let near = if *what == "capped" { 0.12 } else { 0.06 };
            assert!((told - truth).abs() < near, "{name} {what}: told {told:.3}, truth {truth:.3}");
        }
    }
}

#[test]
fn a_replay_is_a_function_of_its_arguments_and_refuses_what_makes_no_sense() {
    let scenario = scenario("overload-2x");
    let config = ordinary(&scenario);
    let recorded = recorded(&scenario, &config, "twice");
    assert_eq!(again(&recorded), again(&recorded));

    let bad = RouteConfig { cap: Some(0), ..config.clone() };
    assert!(matches!(replay(&recorded, &bad, 1, &Limits::default()), Err(ReplayError::Config(_))));
    // Another preset is a candidate as any other; without a cap it sees no crowd.
    let rfc = RouteConfig { physics: Physics::Rfc(RfcPhysics::default()), ..config };
    let told = replay(&recorded, &rfc, 1, &Limits::default()).unwrap();
    assert!(told.changes.iter().any(|change| change.setting == "physics"), "{:?}", told.changes);

    let mut empty = recorded.clone();
    empty.parts.iter_mut().for_each(|part| part.pulses.clear());
    assert!(matches!(replay(&empty, &rfc, 1, &Limits::default()), Err(ReplayError::TooShort { .. })));
    let mut endless = recorded.clone();
    endless.parts[0].pulses.iter_mut().for_each(|pulse| pulse.admitted = [u32::MAX; 5]);
    assert!(matches!(replay(&endless, &rfc, 1, &Limits::default()), Err(ReplayError::TooLong { .. })));
    let mut absurd = recorded.clone();
    for pulse in &mut absurd.parts[0].pulses {
        (pulse.held_ns, pulse.held_in_vain_ns) = (u64::MAX, 3);
        pulse.window.mean_in_flight = 1e300;
        pulse.dt_ns = u64::MAX;
        pulse.window.succeeded = u64::MAX;
    }
    let absurd = again(&absurd);
    assert!(!absurd.proof.holds() && absurd.text().contains("decides otherwise"));
}
