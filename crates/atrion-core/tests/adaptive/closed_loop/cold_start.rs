// SPDX-License-Identifier: Apache-2.0
//! Cold starts: nothing is known, and the first second decides what is believed later.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, Tier};

use crate::support::plant::{Plant, Shape, World};

/// Two ways to be wrong: to learn the queue as the service, or to shed a service that has only just
/// begun.
#[test]
fn a_start_under_overload_does_not_learn_the_queue() {
    for (workers, service) in [(4, 0.02), (10, 0.05), (50, 0.1), (200, 0.2)] {
        for seed in 0..3 {
            let plant = Plant::of(workers, service);
            let mut world = World::new(AdaptiveConfig::default(), plant, seed);
            world.run(3.0 * plant.capacity(), 10.0);
            let report = world.run(3.0 * plant.capacity(), 10.0);
            let base = world.route.state.baseline().unwrap_or(0.0);
            assert!(base < 4.0 * service, "{workers} workers: {base} s for {service} s");
            assert!(report.mean_latency() < 8.0 * service, "{workers} workers: {report:?}");
            assert!(report.passed(Tier::Critical) > 0.98, "{workers} workers: {report:?}");
            assert!(report.goodput() > 0.95 * plant.capacity(), "{workers} workers: {report:?}");
        }
    }
}

/// With an SLO it matters twice: a gate that accepts a latency beyond it serves no call in time.
#[test]
fn a_start_under_overload_with_an_slo_serves_in_time() {
    let config = AdaptiveConfig { slo: Some(Duration::from_millis(300)), ..AdaptiveConfig::default() };
    let plant = Plant::of(50, 0.1);
    let mut world = World::new(config, plant, 2);
    world.run(3.0 * plant.capacity(), 10.0);
    let report = world.run(3.0 * plant.capacity(), 20.0);
    assert!(report.passed(Tier::Critical) > 0.98, "{report:?}");
    assert!(world.route.state.throughput() > 0.9 * plant.capacity(), "most of the work is in time");
}

#[test]
fn a_slow_service_is_served_from_the_start() {
    for shape in [Shape::Even, Shape::Exponential, Shape::TwoKinds] {
        for (workers, service, load) in [(500, 0.5, 0.3), (500, 0.5, 0.1), (100, 1.0, 0.6)] {
            let plant = Plant { shape, ..Plant::of(workers, service) };
            let mut world = World::new(AdaptiveConfig::default(), plant, 4);
            for (seconds, least) in [(2.0, 0.9), (3.0, 0.98), (5.0, 0.98), (20.0, 0.98)] {
                let report = world.run(load * plant.capacity(), seconds);
                assert!(report.passed_of_all() > least, "{plant:?} at {load}: {report:?}");
            }
        }
    }
}
