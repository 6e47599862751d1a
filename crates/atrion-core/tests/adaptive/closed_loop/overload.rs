// SPDX-License-Identifier: Apache-2.0
//! Overload: the least important traffic is shed first, in proportion, and is back within seconds.

use atrion_core::{AdaptiveConfig, Mode, Tier};

use crate::support::plant::{Plant, World};

/// Services of several sizes; what follows must hold for all of them.
const PLANTS: [Plant; 4] = [Plant::of(4, 0.02), Plant::of(10, 0.05), Plant::of(50, 0.1), Plant::of(200, 0.2)];

fn healthy(plant: Plant, seed: u64) -> World {
    let mut world = World::new(AdaptiveConfig::default(), plant, seed);
    let report = world.run(0.6 * plant.capacity(), 20.0);
    assert!(report.passed_of_all() > 0.99, "shed in health: {report:?}");
    world
}

#[test]
fn three_times_the_capacity_sheds_bulk_first_and_keeps_critical() {
    for (plant, seed) in PLANTS.into_iter().zip(1..) {
        let mut world = healthy(plant, seed);
        world.run(3.0 * plant.capacity(), 5.0);
        let report = world.run(3.0 * plant.capacity(), 10.0);
        let [critical, high, normal, low, bulk] = Tier::ALL.map(|tier| report.passed(tier));
        assert!(critical > 0.98, "{plant:?}: {report:?}");
        assert!(high > 0.65 && high > normal && normal > low && low >= bulk, "{plant:?}: {report:?}");
        assert!(low < 0.05 && bulk < 0.03, "{plant:?}: {report:?}");
        // The service works at its capacity, and at the in-flight count that it had accepted.
        assert!(report.goodput() > 0.95 * plant.capacity(), "{plant:?}: {report:?}");
        let fill = report.mean_in_flight / report.mean_target;
        assert!((0.9..1.6).contains(&fill), "n is {fill} N* in {plant:?}: {report:?}");
        assert!(
            report.mean_latency() < 4.0 * plant.service.max(2.0 / plant.capacity()),
            "{plant:?}: {report:?}"
        );
        // No breaker: an overloaded route is not dead.
        assert_eq!(world.route.state.mode(), Mode::Operational);
        assert_eq!(world.route.state.scar().get(), 0.0);
    }
}

#[test]
fn a_tier_is_shed_in_proportion() {
    let plant = PLANTS[2];
    let mut world = healthy(plant, 7);
    // The three upper tiers are 70 % of the traffic: at twice the capacity five sevenths of them
    // fit, so a part of the normal tier is shed and the rest of it stays.
    world.run(2.0 * plant.capacity(), 5.0);
    let report = world.run(2.0 * plant.capacity(), 10.0);
    let normal = report.passed(Tier::Normal);
    assert!((0.3..0.7).contains(&normal), "{report:?}");
    assert!(report.passed(Tier::High) > 0.99 && report.passed(Tier::Low) < 0.02, "{report:?}");
}

#[test]
fn all_tiers_are_back_within_two_seconds() {
    for (plant, seed) in PLANTS.into_iter().zip(11..) {
        let mut world = healthy(plant, seed);
        world.run(3.0 * plant.capacity(), 10.0);
        world.run(0.6 * plant.capacity(), 2.0);
        let report = world.run(0.6 * plant.capacity(), 5.0);
        for tier in Tier::ALL {
            assert!(report.passed(tier) > 0.99, "{tier} in {plant:?}: {report:?}");
        }
    }
}

/// A deploy makes every call four times as long, and there are workers enough: nothing of it is a
/// queue.
#[test]
fn a_service_that_became_slower_for_good_is_served_again() {
    let mut goodput = [0.0; 2];
    for (elasticity, goodput) in [true, false].into_iter().zip(&mut goodput) {
        let mut config = AdaptiveConfig::default();
        config.laws.elasticity = elasticity;
        let plant = Plant::of(200, 0.05);
        let mut world = World::new(config, plant, 3);
        world.run(400.0, 20.0);
        world.plant.service = 0.2;
        world.run(400.0, 20.0);
        *goodput = world.run(400.0, 10.0).goodput() / 400.0;
    }
    let [with, without] = goodput;
    assert!(with > 0.97, "{with} of the traffic is served");
    assert!(without < 0.9, "without the law it never recovers: {without}");
}

/// A bounded queue rejects at once: shedding on this side of it costs the callee nothing.
#[test]
fn a_full_queue_makes_debt_and_debt_makes_room() {
    let plant = Plant { waiting: 10, ..Plant::of(10, 0.05) };
    let mut failed = [0.0; 2];
    for (debt, failed) in [true, false].into_iter().zip(&mut failed) {
        let mut config = AdaptiveConfig::default();
        config.laws.debt = debt;
        // The ceiling would find the edge of the queue and leave no failures to make debt.
        config.laws.ceiling = false;
        for seed in 1..=4 {
            let mut world = World::new(config.clone(), plant, seed);
            world.run(0.6 * plant.capacity(), 20.0);
            world.run(3.0 * plant.capacity(), 5.0);
            let report = world.run(3.0 * plant.capacity(), 20.0);
            *failed += report.failed as f64 / report.seconds / plant.capacity() / 4.0;
            assert!(report.goodput() > 0.85 * plant.capacity(), "debt {debt}: {report:?}");
        }
    }
    let [with, without] = failed;
    assert!(with < 0.5 * without, "{with} of the capacity is rejected with debt, {without} without");
}

/// A gate that knows where a queue is full sheds before it: next to nothing is refused behind the
/// gate, and the least important is shed.
#[test]
fn a_full_queue_is_left_alone() {
    let plant = Plant { waiting: 10, ..Plant::of(10, 0.05) };
    let mut refused = [0.0; 2];
    for (ceiling, refused) in [true, false].into_iter().zip(&mut refused) {
        let mut config = AdaptiveConfig::default();
        config.laws.ceiling = ceiling;
        let mut world = World::new(config, plant, 5);
        world.run(0.6 * plant.capacity(), 20.0);
        world.run(2.0 * plant.capacity(), 5.0);
        let report = world.run(2.0 * plant.capacity(), 20.0);
        *refused = report.failed as f64 / report.seconds / plant.capacity();
        assert!(report.goodput() > 0.9 * plant.capacity(), "ceiling {ceiling}: {report:?}");
    }
    let [with, without] = refused;
    assert!(
        with < 0.02 && with < 0.3 * without,
        "{with} of the capacity is refused, {without} without the law"
    );
}

/// Errors that load does not cause must not cost any request its place.
#[test]
fn errors_that_load_does_not_cause_shed_nothing() {
    let plant = Plant { error_ratio: 0.3, ..Plant::of(50, 0.1) };
    let mut world = World::new(AdaptiveConfig::default(), plant, 5);
    world.run(0.6 * plant.capacity(), 20.0);
    let report = world.run(0.6 * plant.capacity(), 20.0);
    assert!(report.passed_of_all() > 0.98, "{report:?}");
}
