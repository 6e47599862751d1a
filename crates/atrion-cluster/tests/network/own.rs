// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Bounds, and how much is said.

use std::time::Duration;

use atrion_cluster::wire::{Entry, EntryMode, Kind, Message, RouteHash};
use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Mono, Ohms};
use atrion_state::{DecayRate, MomentumRate, Weight};

use super::world::{World, node, route, vector};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn own_routes_are_bounded_and_the_neutral_go_first() {
    let mut world = World::calm(2);
    let now = world.now();
    for number in 0..4_000 {
        world.node(0).update(&route(&format!("scarred{number}")), vector(30.0, 200), now);
    }
    for number in 0..6_000 {
        world.node(0).update(&route(&format!("neutral{number}")), vector(0.0, 0), now);
    }
    let stats = world.node(0).stats(now);
    assert!(stats.routes <= 4_096 && stats.evicted >= 5_900, "{stats:?}");
    let scarred =
        (0..4_000).filter(|number| world.node(0).own(&route(&format!("scarred{number}")), now).is_some());
    assert_eq!(scarred.count(), 4_000);
    world.run(5 * SECOND);
    let now = world.now();
    let stats = world.node(1).stats(now);
    assert!((4_000..=4_096).contains(&stats.registers), "{stats:?}");
}

#[test]
fn a_healthy_fleet_says_little_and_a_storm_stays_within_the_pace() {
    let mut world = World::calm(2);
    let tick = Duration::from_millis(100);
    let mut scars = vec![0.0f64; 400];
    let mut entries = |world: &mut World, storm: bool, seconds: u64| {
        let before = world.node(0).stats(Mono::ZERO).sent_entries;
        for step in 0..seconds * 10 {
            let now = world.now();
            for (number, scar) in scars.iter_mut().enumerate() {
                *scar *= (-0.01f64).exp();
                *scar += if storm && (step + number as u64).is_multiple_of(3) { 5.0 } else { 0.0 };
                world.node(0).update(&route(&format!("r{number}")), vector(*scar, 200), now);
            }
            world.run(tick);
        }
        (world.node(0).stats(Mono::ZERO).sent_entries - before) as f64 / (seconds * 400) as f64
    };
    let first = entries(&mut world, false, 35);
    assert!(first < 0.1, "a healthy route is told of every thirty seconds: {first}/s");
    let storm = entries(&mut world, true, 5);
    assert!((3.0..5.5).contains(&storm), "each jump, and one repetition a second: {storm}/s");
    assert_eq!(world.node(1).stats(Mono::ZERO).floods, 0, "peers bear it");
}

#[test]
fn rates_do_not_mix_and_a_change_of_rate_leaves_nothing_behind() {
    let mut world = World::calm(2);
    let (now, a) = (world.now(), route("a"));
    world.node(0).update(&a, vector(40.0, 200), now);
    world.node(0).update(&route("b"), vector(40.0, 200).with_decay_rate(DecayRate::ZERO), now);
    world.run(3 * SECOND);
    let now = world.now();
    world.node(0).update(&a, vector(40.0, 200).with_decay_rate(DecayRate::saturating(2.0)), now);
    world.run(3 * SECOND);
    // From the channel and from the store.
    let late = world.add(2);
    world.start(late, 2_000_000);
    for number in [1, 2] {
        let now = world.now();
        let view = |world: &mut World, on: &str| world.node(number).view(&route(on), now);
        let [a, b] = ["a", "b"].map(|on| view(&mut world, on)[0].vector);
        assert_eq!((a.decay_rate.get(), b.decay_rate.get()), (2.0, 0.0), "node {number}");
        assert_eq!(b.aged_scar().get(), 40.0);
        assert!(a.aged_scar().get() < 0.2);
    }
}

#[test]
fn rates_that_come_and_go_do_not_fill_the_record() {
    let mut world = World::calm(2);
    for number in 1..200u32 {
        let now = world.now();
        let rate = DecayRate::saturating(0.1 + f64::from(number) / 1_000.0);
        world.node(0).update(
            &route("a"),
            vector(40.0 + f64::from(number % 7), 200).with_decay_rate(rate),
            now,
        );
        world.run(SECOND + Duration::from_millis(50));
        assert!(world.store.fields(&node(0)) <= 68, "{}", world.store.fields(&node(0)));
    }
    assert_eq!(world.node(0).stats(Mono::ZERO).restored, 0, "the store was not emptied");
    let (now, a) = (world.now(), route("a"));
    let (own, seen) = (world.node(0).own(&a, now).unwrap(), world.node(1).view(&a, now)[0].vector);
    assert_eq!((own.decay_rate, own.scar_tissue), (seen.decay_rate, seen.scar_tissue));
}

#[test]
fn a_large_fleet_stretches_its_heartbeat() {
    // Of nodes that sign, and are of a version before the proof.
    let mut world = World::signed(1);
    let now = world.now();
    for number in 1..=600 {
        let mut other = super::world::fleet(number, now, 5);
        let hello = other.push(now).messages.remove(0);
        world.node(0).receive(hello, 80, now);
    }
    world.run(SECOND);
    // 601^2 / 50,000 a second.
    assert_eq!(world.node(0).heartbeat(), Duration::from_secs_f64(601.0 * 601.0 / 50_000.0));
    assert_eq!(world.node(0).liveness().whole(), 3 * world.node(0).heartbeat());
}

fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
}

/// What the manual says that a node needs at most, for as many registers as it ever holds.
#[test]
fn half_a_million_registers_fit_into_what_the_manual_says() {
    let mut now = Mono::from_nanos(1_000_000_000);
    let mut fleet = super::world::fleet(0, now, 5);
    let entry = |number: usize| Entry {
        route: RouteHash::from_u64((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        back: 0,
        age_ms: 0,
        scar: Ohms::saturating(1.0),
        weight: Weight::FULL,
        mode: EntryMode::Live(Mode::Operational),
        resistance: Ohms::ZERO,
        momentum: MomentumRate::saturating(0.0),
        name: None,
        load: Load::NONE,
        tenants: Heaviest::NONE,
    };
    let before = resident();
    // Some of a fleet's routes each, as many as there is room for, a few at a time.
    for round in 0..10 {
        for number in 1..=1_023 {
            now = now.after(Duration::from_micros(100));
            let mut header = super::world::fleet(number, now, 5).push(now).header;
            (header.kind, header.seq) = (Kind::Delta, round + 1);
            let first = number * 7 + 49 * round as usize;
            let entries = (first..first + 49).map(|nth| entry(nth % 4_096)).collect();
            fleet.receive(Message { header, entries }, 4_000, now);
        }
    }
    let stats = fleet.stats(now);
    assert!(stats.registers > 490_000, "{stats:?}");
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{} registers: {} MB", stats.registers, after.saturating_sub(before) >> 20);
        // Other tests of this process come and go.
        assert!(after < before + (120 << 20), "{before} bytes, with them {after}");
    }
}
