// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Recordings of a signed fleet that are played again, and what strangers do to a fleet that signs
//! nothing.

use std::time::Duration;

use atrion_cluster::fleet::{Fleet, Received};
use atrion_cluster::wire::decode;
use atrion_core::{Blend, Evidence, Gamma, Mono, Ohms, Own, Wall};
use atrion_state::{Liveness, NodeId};

use super::store::{CLUSTER, expected};
use super::world::{World, forged, node, route, vector};

const SECOND: Duration = Duration::from_secs(1);
/// The scar at which the engine cuts what others say.
const CEILING: Ohms = Ohms::saturating(60.0);
const WALL_MS: u64 = 1_767_960_000_000;

/// What a node's gate would use: 0 of an idle route that no node speaks of.
fn merged(world: &mut World, number: usize, on: &str) -> f64 {
    let now = world.now();
    let heard = world.node(number).view(&route(on), now);
    let own = Own::new(Ohms::ZERO, Evidence::from_byte(0));
    let peers = heard.iter().map(|register| register.as_peer(&Liveness::default()));
    Blend::new(Gamma::RECOMMENDED, CEILING).merged(own, peers).get()
}

/// Plays what was recorded to a node, in the order in which it was said.
fn play(world: &mut World, to: usize, recording: &[Vec<u8>]) {
    let now = world.now();
    for bytes in recording {
        let message = decode(bytes, &expected(WALL_MS)).unwrap().message;
        if message.header.node == node(0) {
            world.node(to).receive(message, bytes.len(), now);
        }
    }
}

/// Three nodes that sign, the first with a scar, and everything that was said. `deaf`: the third
/// hears nothing of the first's last seconds.
fn recorded(deaf: bool) -> (World, Vec<Vec<u8>>) {
    let mut world = World::signed(3);
    let now = world.now();
    world.node(0).update(&route("a"), vector(90.0, 250), now);
    world.run(3 * SECOND);
    assert!(merged(&mut world, 1, "a") > 10.0 && merged(&mut world, 2, "a") > 10.0, "it is heard");
    if deaf {
        world.arrives = |to, _| usize::from(to != 2);
        let now = world.now();
        world.node(0).update(&route("b"), vector(90.0, 250), now);
        world.run(3 * SECOND);
        world.arrives = |_, _| 1;
    }
    let log = world.log.clone();
    world.die(0);
    world.store.clear();
    (world, log)
}

#[test]
fn a_node_that_signs_counts_a_heartbeat_or_two_after_it_came() {
    let mut world = World::signed(3);
    let now = world.now();
    world.node(0).update(&route("a"), vector(90.0, 250), now);
    world.run(2 * SECOND + SECOND / 2);
    let late = world.add(3);
    world.start(late, 2_000_000);
    assert_eq!(merged(&mut world, late, "a"), 0.0, "what is read from the store proves nothing");
    let mut took = Duration::ZERO;
    while merged(&mut world, late, "a") < 10.0 {
        world.run(SECOND / 10);
        took += SECOND / 10;
        assert!(took <= 2 * SECOND, "{took:?}");
    }
    world.run(2 * SECOND);
    let now = world.now();
    for number in 0..4 {
        assert_eq!(world.node(number).stats(now).live, 3, "node {number}");
    }
    // And it goes on for as long as they live, over many challenges.
    for _ in 0..40 {
        world.run(5 * SECOND);
        let now = world.now();
        assert!((0..4).all(|number| world.node(number).stats(now).live == 3));
    }
    // No answer was lost or given for nothing: two to each number of each node.
    assert!(world.log.iter().all(|bytes| bytes[5] == 1));
}

#[test]
fn a_recording_of_a_dead_node_moves_no_gate() {
    let (mut world, log) = recorded(false);
    // While it is missed, after it is gone, and after it is forgotten.
    for wait in [1, 5, 10, 30, 60, 700] {
        for _ in 0..wait {
            world.run(SECOND);
            play(&mut world, 1, &log);
        }
        if wait > 5 {
            assert_eq!(merged(&mut world, 1, "a"), 0.0, "after {wait} s more");
        }
    }
    // Nor of one that has come since, and knows nothing of it.
    let late = world.add(3);
    world.start(late, 2_000_000);
    for _ in 0..30 {
        world.run(SECOND);
        play(&mut world, late, &log);
        assert_eq!(merged(&mut world, late, "a"), 0.0);
    }
    let now = world.now();
    assert!(world.node(late).stats(now).unproven > 0);
    assert_eq!(world.node(late).stats(now).live, 2);
}

#[test]
fn what_a_node_has_missed_can_be_played_to_it_for_a_minute_and_no_longer() {
    let (mut world, log) = recorded(true);
    let (mut since, mut last) = (0, 0);
    // All of it again and again, the newest last.
    for second in 0..120 {
        world.run(SECOND);
        since = second;
        play(&mut world, 2, &log);
        if merged(&mut world, 2, "b") > 0.0 {
            last = since;
        }
    }
    assert!(last < 60, "believed for {last} s of {since}");
}

#[test]
fn an_earlier_life_is_not_brought_back_by_what_it_said() {
    let (mut world, log) = recorded(false);
    // A later life lived, and is gone, too.
    world.start(0, 3_000_000);
    world.run(3 * SECOND);
    world.die(0);
    world.store.clear();
    world.run(20 * SECOND);
    for _ in 0..20 {
        world.run(SECOND);
        play(&mut world, 1, &log);
        assert_eq!(merged(&mut world, 1, "a"), 0.0);
    }
}

#[test]
fn a_node_of_an_older_version_is_believed_as_before() {
    let mut world = World::signed(2);
    let now = world.now();
    let mut older = super::world::fleet(7, now, 5);
    older.update(&route("a"), vector(90.0, 250), now);
    for message in older.push(now).messages {
        assert_eq!(message.header.proof, None);
        world.node(0).receive(message, 100, now);
    }
    assert!(merged(&mut world, 0, "a") > 10.0);
}

fn stranger(number: usize) -> NodeId {
    NodeId::new(&format!("stranger-{number}")).unwrap()
}

#[test]
fn strangers_neither_slow_a_fleet_down_nor_keep_its_nodes_out() {
    let mut world = World::calm(2);
    let now = world.now();
    world.node(0).update(&route("a"), vector(90.0, 250), now);
    world.run(70 * SECOND);
    let mut seq = 0;
    let mut storm = |world: &mut World| {
        let now = world.now();
        seq += 1;
        for number in 0..1_100 {
            world.node(1).receive(forged(stranger(number), 1_000_000, seq, None), 100, now);
        }
    };
    storm(&mut world);
    world.run(3 * SECOND);
    let now = world.now();
    assert_eq!(world.node(1).crowd(now), Some(1_024 + 1), "health can say so");
    assert!(world.node(1).heartbeat() <= 2 * SECOND, "{:?}", world.node(1).heartbeat());
    // A node of the fleet comes while they hold all places, and again when they hold them for long.
    for (number, wait) in [(2, 1), (3, 90)] {
        for _ in 0..wait {
            storm(&mut world);
            world.run(SECOND);
        }
        let comes = world.add(number);
        world.start(comes, 1_000_000);
        let now = world.now();
        world.node(comes).update(&route("a"), vector(90.0, 250), now);
        world.run(6 * SECOND);
        let now = world.now();
        let heard: Vec<_> = world.node(1).view(&route("a"), now);
        assert!(heard.iter().any(|register| register.node == node(number)), "{number} is heard");
        assert!(
            heard.iter().any(|register| register.node == node(0)),
            "and so is the node that was there before"
        );
    }
    let now = world.now();
    assert!(world.node(1).stats(now).full > 0);
}

/// How far liars move a gate that no other node speaks of, and one that the fleet speaks well of.
#[test]
fn one_liar_is_bounded_and_two_are_less_so() {
    let gate = |liars: usize, honest: usize| {
        let now = Mono::from_nanos(1_000_000_000);
        let mut config = atrion_cluster::fleet::FleetConfig::new(CLUSTER, node(0));
        config.signed = false;
        let mut fleet = Fleet::new(config, now, Wall::from_millis(1), 1);
        for (number, scar) in
            (0..liars).map(|number| (number, 1e6)).chain((liars..liars + honest).map(|number| (number, 0.01)))
        {
            let taken =
                fleet.receive(forged(stranger(number), 1_000_000, 1, Some((route("a"), scar))), 100, now);
            assert!(matches!(taken, Received::Taken(_)));
        }
        let own = Own::new(Ohms::ZERO, Evidence::from_byte(0));
        let liveness = Liveness::default();
        let heard = fleet.view(&route("a"), now);
        let peers = heard.iter().map(|register| register.as_peer(&liveness));
        Blend::new(Gamma::RECOMMENDED, CEILING).merged(own, peers).get()
    };
    let bounds = [(0, 0.1, 0.1), (1, 18.1, 1.7), (2, 39.1, 6.9), (3, 39.1, 11.3)];
    for (liars, alone, among_ten) in bounds {
        let found = (gate(liars, 0), gate(liars, 10));
        assert!(found.0 <= alone && found.1 <= among_ten, "{liars} liars: {found:?}");
    }
}
