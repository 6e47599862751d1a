// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Restarts, clocks that were put back, twins, and goodbyes.

use std::time::Duration;

use super::world::{World, route, vector};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_restart_with_the_clock_put_back_keeps_its_routes_and_is_believed() {
    let mut world = World::calm(2);
    let (a, now) = (route("a"), world.now());
    world.node(0).update(&a, vector(60.0, 200), now);
    world.run(3 * SECOND);
    let before = world.node(0).incarnation();
    world.die(0);
    world.run(2 * SECOND);
    world.start(0, 17);
    let now = world.now();
    assert!(world.node(0).incarnation() > before);
    let left = world.node(0).own(&a, now).unwrap().aged_scar().get();
    assert!((left - 60.0 * (-0.5f64).exp()).abs() < 0.2, "five seconds later: {left}");
    world.node(0).update(&a, vector(5.0, 200), now);
    world.run(SECOND);
    let now = world.now();
    let seen = world.node(1).view(&a, now)[0].vector.aged_scar().get();
    assert!((seen - 4.6).abs() < 0.3, "{seen}");
}

/// Its number is lower than the one that others know, and no record is left that could tell it.
#[test]
fn a_life_with_a_lower_number_is_believed_when_the_last_one_is_gone() {
    let mut world = World::calm(3);
    let (a, now) = (route("a"), world.now());
    world.node(0).update(&a, vector(60.0, 200), now);
    world.run(3 * SECOND);
    let before = world.node(0).incarnation();
    world.die(0);
    world.store.clear();
    world.start(0, 17);
    assert!(world.node(0).incarnation() < before);
    let now = world.now();
    world.node(0).update(&a, vector(90.0, 200), now);
    let seen = |world: &mut World, number: usize| {
        let now = world.now();
        world.node(number).view(&a, now).first().map(|seen| (seen.incarnation, seen.vector.aged_scar().get()))
    };
    world.run(5 * SECOND);
    assert!(seen(&mut world, 1).is_some_and(|(life, _)| life == before), "the other is not gone yet");
    world.run(8 * SECOND);
    let now = world.now();
    let (life, own) = (world.node(0).incarnation(), world.node(0).own(&a, now).unwrap().aged_scar().get());
    for number in [1, 2] {
        let (seen_life, seen) = seen(&mut world, number).unwrap();
        assert!(seen_life == life && (seen - own).abs() < 0.3, "node {number} sees {seen}, and it is {own}");
    }
}

#[test]
fn a_restart_forgets_nothing_of_routes_that_nobody_names_again() {
    let mut world = World::calm(2);
    let now = world.now();
    for number in 0..300 {
        world.node(0).update(&route(&format!("r{number}")), vector(90.0, 200), now);
    }
    world.run(3 * SECOND);
    for life in 1..4 {
        world.start(0, 2_000_000 * life);
        world.run(3 * SECOND);
    }
    let now = world.now();
    assert_eq!(world.node(0).owned(now).len(), 300);
    assert!((0..300).all(|number| world.node(1).view(&route(&format!("r{number}")), now).len() == 1));
}

#[test]
fn a_new_life_replaces_the_old_one_at_its_peers() {
    let mut world = World::calm(2);
    let now = world.now();
    world.node(0).update(&route("old"), vector(60.0, 200), now);
    world.run(3 * SECOND);
    // The record is gone, so nothing is remembered: the new life has never heard of the route.
    world.store.clear();
    world.start(0, 5_000_000);
    world.run(2 * SECOND);
    let now = world.now();
    assert_eq!(world.node(1).view(&route("old"), now), []);
}

#[test]
fn of_two_processes_with_one_name_one_takes_another() {
    let mut world = World::calm(2);
    world.run(2 * SECOND);
    // The twin is a process of its own that was given the same name.
    let twin = world.add(0);
    world.start(twin, 3_000_000);
    let now = world.now();
    world.node(0).update(&route("a"), vector(30.0, 200), now);
    world.node(2).update(&route("a"), vector(80.0, 200), now);
    world.run(15 * SECOND);
    let names: Vec<_> = [0, 2].map(|number| world.node(number).node().to_string()).into();
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| name.starts_with("pod-0")), "{names:?}");
    let conflicts: u64 = [0, 2].map(|number| world.node(number).stats(now).conflicts).into_iter().sum();
    assert!((1..=2).contains(&conflicts), "{conflicts}");
    let now = world.now();
    assert_eq!(world.node(1).view(&route("a"), now).len(), 2, "both are heard");
}

#[test]
fn a_node_fades_from_its_goodbye_on_and_its_next_life_knows() {
    let mut world = World::calm(2);
    let now = world.now();
    world.node(0).update(&route("a"), vector(60.0, 200), now);
    world.run(2 * SECOND);
    let now = world.now();
    // Too little to be told of, but a goodbye says everything.
    world.node(0).update(
        &route("a"),
        vector(49.2, 200).with_momentum(atrion_state::MomentumRate::saturating(3.0)),
        now,
    );
    world.leave(0);
    let silence = world.node(1).view(&route("a"), now)[0].silence;
    assert_eq!(silence, 3 * SECOND);
    world.run(4 * SECOND);
    let now = world.now();
    let stats = world.node(1).stats(now);
    assert_eq!((stats.live, stats.fading), (0, 1));
    world.run(4 * SECOND);
    world.start(0, 9_000_000);
    let now = world.now();
    let own = world.node(0).own(&route("a"), now).unwrap();
    assert_eq!((own.scar_tissue.get(), own.momentum.get()), (49.2, 3.0));
}
