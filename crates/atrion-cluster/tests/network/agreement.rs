// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What one node says, the others know: at once, aged, and again after an outage.

use std::time::Duration;

use atrion_cluster::fleet::{Fleet, Received};
use atrion_cluster::wire::Message;
use atrion_core::Mono;
use atrion_state::DecayRate;
use proptest::prelude::*;

use super::world::{World, fleet, forged, node, route, vector};

const SECOND: Duration = Duration::from_secs(1);

/// What a node sees of a route: each peer's name, and how much scar is left.
fn seen(world: &mut World, number: usize, on: &str) -> Vec<(String, f64)> {
    let now = world.now();
    let view = world.node(number).view(&route(on), now);
    view.iter().map(|register| (register.node.to_string(), register.vector.aged_scar().get())).collect()
}

fn agree(world: &mut World, on: &str, own: f64) {
    for number in 1..world.processes.len() {
        let view = seen(world, number, on);
        let of_first = view.iter().find(|(name, _)| name == "pod-0");
        let scar = of_first.map(|(_, scar)| *scar);
        assert!(
            scar.is_some_and(|scar| (scar - own).abs() <= 0.01 * own + 0.1),
            "node {number}: {view:?}, {own}"
        );
    }
}

#[test]
fn trauma_is_told_within_a_pulse_and_ages_at_both_ends_alike() {
    let mut world = World::calm(5);
    world.run(3 * SECOND);
    let (a, now) = (route("a"), world.now());
    world.node(0).update(&a, vector(80.0, 200), now);
    world.run(Duration::from_millis(120));
    agree(&mut world, "a", 80.0 * (-0.1f64 * 0.12).exp());
    let spoken = world.log.len();
    world.run(20 * SECOND);
    let now = world.now();
    let own = world.node(0).own(&a, now).unwrap().aged_scar().get();
    agree(&mut world, "a", own);
    assert!(own < 11.0);
    // A hundred heartbeats, and twice the route: urgent, and once more.
    assert!((95..=105).contains(&(world.log.len() - spoken)), "{}", world.log.len() - spoken);
}

#[test]
fn what_was_lost_is_repaired_by_the_store() {
    let mut world = World::calm(6);
    world.run(3 * SECOND);
    // Node 1 hears nothing at all, 2 every third message, 3 everything five times.
    world.arrives = |number, nth| match number {
        1 => 0,
        2 => usize::from(nth.is_multiple_of(3)),
        3 => 5,
        _ => 1,
    };
    for step in 1..=40 {
        let now = world.now();
        world.node(0).update(&route(&format!("r{}", step % 20)), vector(f64::from(step), 200), now);
        world.run(Duration::from_millis(130));
    }
    world.arrives = |_, _| 1;
    // The gap is seen with the next heartbeat and read after two seconds at the most.
    world.run(4 * SECOND);
    for step in 21..=40 {
        let (now, name) = (world.now(), format!("r{}", step % 20));
        let own = world.node(0).own(&route(&name), now).unwrap().aged_scar().get();
        agree(&mut world, &name, own);
    }
}

#[test]
fn one_version_has_one_value_on_the_channel_and_in_the_store() {
    let mut world = World::calm(2);
    let now = world.now();
    world.node(0).update(&route("a"), vector(40.0, 200), now);
    world.run(3 * SECOND);
    // Too little to be told, and in the same part as something that is.
    let now = world.now();
    world.node(0).update(&route("a"), vector(29.7, 200), now);
    world.node(0).update(&route("b"), vector(40.0, 200), now);
    world.run(2 * SECOND);
    // A node that was there heard it, a node that comes now reads it.
    let late = world.add(2);
    world.start(late, 9_000_000);
    let now = world.now();
    let [heard, read] = [1, 2].map(|number| world.node(number).view(&route("a"), now).remove(0));
    assert_eq!((heard.incarnation, heard.version), (read.incarnation, read.version));
    assert_eq!(heard.vector.scar_tissue, read.vector.scar_tissue);
    let age = heard.vector.age.abs_diff(read.vector.age);
    assert!(age <= Duration::from_millis(2), "{age:?}");
}

#[test]
fn an_urgent_word_that_is_lost_comes_again_with_the_next_beat() {
    let mut world = World::calm(2);
    // Between two beats.
    let said = |world: &World| world.log.len();
    world.run(3 * SECOND);
    let before = said(&world);
    while said(&world) == before {
        world.run(Duration::from_millis(20));
    }
    world.run(SECOND / 2);
    let now = world.now();
    world.node(0).update(&route("a"), vector(40.0, 200), now);
    world.arrives = |_, _| 0;
    world.run(Duration::from_millis(40));
    world.arrives = |_, _| 1;
    assert_eq!(seen(&mut world, 1, "a"), []);
    // Sooner than a gap is read from the store.
    world.run(SECOND + Duration::from_millis(20));
    assert_eq!(seen(&mut world, 1, "a").len(), 1);
}

#[test]
fn what_was_on_its_way_when_the_link_broke_is_said_again_at_once() {
    let mut world = World::calm(2);
    world.run(3 * SECOND);
    // Not urgent: the lazy lane says it, and no node gets it.
    let now = world.now();
    world.node(0).update(&route("a"), vector(0.05, 255), now);
    world.mute.insert(0);
    world.run(SECOND + Duration::from_millis(100));
    world.mute.clear();
    world.cut(0);
    world.heal(0);
    assert_eq!(seen(&mut world, 1, "a").len(), 1, "with the push of the new connection");
}

#[test]
fn a_node_that_was_cut_off_fades_and_agrees_again_after_coming_back() {
    let mut world = World::calm(3);
    world.run(3 * SECOND);
    let (a, now) = (route("a"), world.now());
    world.node(0).update(&a, vector(50.0, 255), now);
    world.run(SECOND);
    world.cut(0);
    world.run(12 * SECOND);
    assert_eq!(seen(&mut world, 1, "a"), [], "ten seconds of silence");
    let now = world.now();
    world.node(0).update(&a, vector(70.0, 255), now);
    world.node(0).update(&route("b"), vector(20.0, 255), now);
    world.run(5 * SECOND);
    assert_eq!(seen(&mut world, 1, "b"), []);
    world.heal(0);
    let now = world.now();
    let own = world.node(0).own(&a, now).unwrap().aged_scar().get();
    agree(&mut world, "a", own);
    world.run(SECOND);
    let now = world.now();
    let own = world.node(0).own(&route("b"), now).unwrap().aged_scar().get();
    agree(&mut world, "b", own);
}

#[test]
fn a_node_that_comes_back_is_told_of_though_it_says_nothing_new() {
    let mut world = World::calm(3);
    let now = world.now();
    let lasting = vector(50.0, 255).with_decay_rate(DecayRate::ZERO);
    world.node(0).update(&route("a"), lasting, now);
    world.run(3 * SECOND);
    // Node 1 is cut off for so long that no node counts for it, and it counts for none.
    world.cut(1);
    world.run(12 * SECOND);
    world.changes.clear();
    world.heal(1);
    let told = |world: &World, number: usize| {
        world
            .changes
            .get(&number)
            .is_some_and(|changes| changes.iter().any(|change| change.route == route("a")))
    };
    assert!(told(&world, 1), "by its pull");
    // Node 0 was silent for no other node.
    assert!(!told(&world, 2));
    world.cut(0);
    world.run(12 * SECOND);
    world.changes.clear();
    world.heal(0);
    world.run(2 * SECOND);
    assert!(told(&world, 1) && told(&world, 2), "by its heartbeat");
}

#[test]
fn an_emptied_store_gets_everything_back_within_a_beat_or_two() {
    let mut world = World::calm(3);
    let now = world.now();
    for number in 0..200 {
        world.node(0).update(&route(&format!("r{number}")), vector(40.0, 200), now);
    }
    world.run(5 * SECOND);
    world.store.clear();
    world.run(2 * SECOND + Duration::from_millis(100));
    assert_eq!(world.store.len(), 3);
    assert_eq!(world.node(0).stats(Mono::ZERO).restored, 1);
    // A new node knows it all.
    let late = world.add(3);
    world.start(late, 9_000_000);
    let known = (0..200).filter(|number| !seen(&mut world, 3, &format!("r{number}")).is_empty());
    assert_eq!(known.count(), 200);
}

#[test]
fn a_record_that_is_not_whole_yet_takes_nothing_from_its_readers() {
    let mut world = World::calm(2);
    let now = world.now();
    for number in 0..200 {
        world.node(0).update(&route(&format!("r{number}")), vector(40.0, 200), now);
    }
    world.run(5 * SECOND);
    // The store was emptied, and its writer has written one part of four since.
    let mut short = world.record(0);
    short.parts.truncate(1);
    world.store.clear();
    let late = world.add(2);
    world.start(late, 9_000_000);
    let now = world.now();
    for reader in [1, late] {
        world.node(reader).load(short.clone(), now);
    }
    let known = |world: &mut World, by| {
        (0..200).filter(|number| !seen(world, by, &format!("r{number}")).is_empty()).count()
    };
    assert_eq!(known(&mut world, 1), 200, "what was heard stays");
    assert!((1..200).contains(&known(&mut world, late)));
    // The writer writes the rest, and the new node asks again.
    world.run(4 * SECOND);
    assert_eq!((known(&mut world, 1), known(&mut world, late)), (200, 200));
}

#[test]
fn a_forgotten_route_is_gone_also_where_its_end_was_not_heard() {
    let mut world = World::calm(3);
    let now = world.now();
    world.node(0).update(&route("a"), vector(40.0, 255), now);
    world.node(0).update(&route("b"), vector(40.0, 255), now);
    world.run(3 * SECOND);
    world.arrives = |number, _| usize::from(number != 2);
    assert!(world.node(0).forget(&route("a")));
    world.run(2 * SECOND);
    assert_eq!(seen(&mut world, 1, "a"), []);
    world.arrives = |_, _| 1;
    world.run(4 * SECOND);
    assert_eq!(seen(&mut world, 2, "a"), []);
    assert_eq!(seen(&mut world, 2, "b").len(), 1);
}

#[test]
fn what_is_published_does_not_depend_on_what_is_heard() {
    // I11: nothing merged is ever sent, because nothing that was heard is. The same updates, with
    // and without peers that shout, give the same bytes.
    let run = |shouting: bool| {
        let mut world = World::calm(1);
        for step in 0..100u64 {
            let now = world.now();
            world.node(0).update(&route("a"), vector((step % 7) as f64 * 9.0, 200), now);
            if shouting {
                let message =
                    said(&Said { node: 1, life: 5, seq: step + 1, on: (step % 3) as u8, scar: 1e6 });
                world.node(0).receive(message, 100, now);
            }
            world.run(Duration::from_millis(150));
        }
        world.log
    };
    let alone = run(false);
    assert!(alone.len() > 60);
    assert_eq!(alone, run(true));
}

/// One message with one route, as a single writer sends it: the value follows from the number.
#[derive(Debug, Clone)]
struct Said {
    node: usize,
    life: u64,
    seq: u64,
    on: u8,
    scar: f64,
}

fn said(what: &Said) -> Message {
    let on = route(&format!("r{}", what.on));
    let mut message = forged(node(what.node), what.life, what.seq, Some((on, what.scar)));
    // All at one instant, with a scar that fades: what is left must not depend on the order.
    message.header.sent_ms = 0;
    message.header.lambda = DecayRate::saturating(0.1);
    message
}

prop_compose! {
    fn messages()(node in 1..4usize, life in 1..4u64, seq in 1..8u64, on in 0..3u8) -> Said {
        // A version has one value.
        Said { node, life, seq, on, scar: (life * 100 + seq * 10) as f64 + f64::from(on) }
    }
}

fn after(messages: &[Said]) -> Fleet {
    let mut fleet = fleet(0, Mono::ZERO, 0);
    for what in messages {
        let received = fleet.receive(said(what), 100, Mono::ZERO);
        assert!(matches!(received, Received::Taken(_) | Received::Old), "{received:?}");
    }
    fleet
}

proptest! {
    /// I10: any multiset and order of messages gives the same registers.
    #[test]
    fn any_order_and_repetition_gives_the_same_view(
        (once, twice) in prop::collection::vec(messages(), 0..25).prop_flat_map(|messages| {
            let doubled: Vec<_> = messages.iter().chain(messages.iter().step_by(2)).cloned().collect();
            (Just(messages), Just(doubled).prop_shuffle())
        })
    ) {
        let (one, other) = (after(&once), after(&twice));
        for on in ["r0", "r1", "r2"] {
            prop_assert_eq!(one.view(&route(on), Mono::ZERO), other.view(&route(on), Mono::ZERO));
        }
    }
}
