// SPDX-License-Identifier: Apache-2.0
//! The view of peers is a join semilattice.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};
use atrion_state::{
    DecayRate, Liveness, NodeId, PhysicsVector, Register, RegisterSet, RegisterSetLimits, RouteId, Weight,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
struct Message {
    node: u8,
    incarnation: u64,
    version: u64,
    route: u8,
    at: u64,
    age: u64,
    /// Breaks the single-writer rule when it differs between messages of one version.
    lie: u8,
}

impl Message {
    fn deliver(self, set: &mut RegisterSet) {
        let vector = PhysicsVector::new(
            Mode::Operational,
            Ohms::saturating(10.0),
            Ohms::saturating(f64::from(self.lie)),
        )
        .with_weight(Weight::FULL)
        .with_decay_rate(DecayRate::saturating(0.5))
        .with_age(Duration::from_millis(self.age));
        let register = Register::new(node(self.node), self.incarnation, self.version, vector);
        set.accept(route(self.route), &register, Mono::from_nanos(self.at));
    }
}

prop_compose! {
    fn messages()(node in 0..4u8, incarnation in 0..3u64, version in 0..4u64, route in 0..3u8, at in 0..10u64, age in 0..3u64, lie in 0..3u8) -> Message {
        Message { node, incarnation, version, route, at: at * 1_000_000_000, age: age * 1_000, lie }
    }
}

fn views() -> impl Strategy<Value = RegisterSet> {
    prop::collection::vec(messages(), 0..40).prop_map(|messages| view(&messages))
}

fn view(messages: &[Message]) -> RegisterSet {
    let mut set = RegisterSet::default();
    for message in messages {
        message.deliver(&mut set);
    }
    set
}

fn join(one: &RegisterSet, other: &RegisterSet) -> RegisterSet {
    let mut joined = one.clone();
    joined.join(other);
    joined
}

fn node(number: u8) -> NodeId {
    NodeId::new(&format!("pod-{number}")).unwrap()
}

fn route(number: u8) -> RouteId {
    RouteId::new(&format!("r{number}")).unwrap()
}

proptest! {
    #[test]
    fn what_the_merge_is_given_is_what_the_view_shows(set in views(), of in 0..3u8, at in 0..20u64, fading in 0..12u64) {
        let now = Mono::from_nanos(at * 1_000_000_000);
        let liveness = Liveness::new(Duration::from_secs(fading / 2), Duration::from_secs(fading));
        let shown: Vec<_> = set.live(&route(of), now).iter().map(|register| register.as_peer(&liveness)).collect();
        let given: Vec<_> = set.peers(&route(of), &liveness, now).collect();
        prop_assert_eq!(shown, given);
    }

    #[test]
    fn join_is_commutative(a in views(), b in views()) {
        prop_assert_eq!(join(&a, &b), join(&b, &a));
    }

    #[test]
    fn join_is_associative(a in views(), b in views(), c in views()) {
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
    }

    #[test]
    fn join_is_idempotent(a in views(), b in views()) {
        prop_assert_eq!(join(&a, &a), a.clone());
        let joined = join(&a, &b);
        prop_assert_eq!(join(&joined, &b), joined);
    }

    /// Lost nothing, doubled and reordered anything: the same view.
    #[test]
    fn any_order_and_repetition_of_messages_gives_the_same_view(
        (messages, order) in prop::collection::vec(messages(), 0..40)
            .prop_flat_map(|m| { let n = m.len(); (Just(m.clone()), prop::collection::vec(0..n.max(1), 0..40)
                .prop_map(move |extra| { let mut all = m.clone(); all.extend(extra.into_iter().filter_map(|i| m.get(i).copied())); all })
                .prop_shuffle()) })
    ) {
        prop_assert_eq!(view(&messages), view(&order));
    }

    #[test]
    fn every_reader_gets_one_register_a_node_in_node_order(set in views(), at in 0..20u64) {
        for number in 0..3 {
            let live = set.live(&route(number), Mono::from_nanos(at * 1_000_000_000));
            prop_assert!(live.windows(2).all(|pair| pair[0].node < pair[1].node));
        }
    }
}

fn register(number: u8, incarnation: u64, version: u64) -> Register {
    let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(40.0))
        .with_decay_rate(DecayRate::saturating(0.5));
    Register::new(node(number), incarnation, version, vector)
}

#[test]
fn a_register_ages_where_it_lies_and_fades_with_its_node() {
    let mut set = RegisterSet::default();
    let mut aged = register(1, 1, 1);
    aged.vector.age = Duration::from_secs(1);
    set.accept(route(0), &aged, Mono::from_nanos(0));
    let later = |seconds: u64| set.live(&route(0), Mono::from_nanos(seconds * 1_000_000_000));
    assert_eq!(later(4)[0].vector.age, Duration::from_secs(5));
    assert_eq!(later(4)[0].silence, Duration::from_secs(4));
    let left = later(4)[0].vector.aged_scar().get();
    assert!((left - 40.0 * (-2.5f64).exp()).abs() < 1e-9, "{left}");
    assert_eq!(later(10), []);
}

#[test]
fn a_heartbeat_keeps_a_node_alive_without_making_its_registers_younger() {
    let mut set = RegisterSet::default();
    set.accept(route(0), &register(1, 1, 1), Mono::ZERO);
    let later = Mono::from_nanos(20_000_000_000);
    assert_eq!(set.live(&route(0), later), []);
    assert!(set.heard(&node(1), 1, later));
    let live = set.live(&route(0), later);
    assert_eq!((live[0].silence, live[0].vector.age), (Duration::ZERO, Duration::from_secs(20)));
}

#[test]
fn a_message_that_circles_does_not_keep_a_scar_young() {
    let mut set = RegisterSet::default();
    set.accept(route(0), &register(1, 1, 1), Mono::ZERO);
    let later = Mono::from_nanos(5_000_000_000);
    assert!(!set.accept(route(0), &register(1, 1, 1), later), "no news");
    assert_eq!(set.live(&route(0), later)[0].vector.age, Duration::from_secs(5));
}

#[test]
fn a_new_life_replaces_everything_of_the_old_one() {
    let mut set = RegisterSet::default();
    set.accept(route(0), &register(1, 1, 9), Mono::ZERO);
    set.accept(route(1), &register(1, 1, 9), Mono::ZERO);
    assert!(set.accept(route(1), &register(1, 2, 1), Mono::ZERO));
    assert_eq!(set.len(), 1);
    assert!(!set.accept(route(0), &register(1, 1, 10), Mono::ZERO), "the old life has nothing to say");
    assert_eq!(set.live(&route(0), Mono::ZERO), []);
}

#[test]
fn what_does_not_fit_is_refused_and_counted() {
    let mut set = RegisterSet::new(RegisterSetLimits::new(2, 2, 3), Liveness::default());
    let now = Mono::ZERO;
    assert!(set.accept(route(0), &register(1, 1, 1), now));
    assert!(set.accept(route(1), &register(1, 1, 1), now));
    assert!(!set.accept(route(2), &register(1, 1, 1), now), "routes of a node");
    assert!(set.accept(route(0), &register(2, 1, 1), now));
    assert!(!set.accept(route(1), &register(2, 1, 1), now), "registers altogether");
    assert!(!set.accept(route(0), &register(3, 1, 1), now), "nodes");
    assert_eq!((set.len(), set.refused()), (3, 3));
    // What is known goes on being updated.
    assert!(set.accept(route(0), &register(2, 1, 2), now));
    // And forgetting makes room.
    assert_eq!(set.forget_silent(Duration::from_secs(60), Mono::from_nanos(61_000_000_000)), 2);
    assert!(set.is_empty());
    assert!(set.accept(route(0), &register(3, 1, 1), now));
}

fn weighted(number: u8, on: u8, scar: f64, weight: u8) -> (RouteId, Register) {
    let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar))
        .with_weight(Weight::from_255ths(weight));
    (route(on), Register::new(node(number), 1, 1, vector))
}

#[test]
fn room_is_made_by_what_is_worth_least_and_by_routes_of_others_first() {
    let mut set = RegisterSet::new(RegisterSetLimits::new(4, 4, 6), Liveness::default());
    // Worth 10, 90, 1, 40, 0, 60; route 2 is worth least among those that are read here.
    for (number, on, scar) in
        [(1, 0, 10.0), (1, 1, 90.0), (1, 2, 1.0), (2, 0, 40.0), (2, 3, 0.0), (2, 4, 60.0)]
    {
        let (route, register) = weighted(number, on, scar, 255);
        assert!(set.accept(route, &register, Mono::ZERO));
    }
    let local = |id: &RouteId| ["r0", "r1", "r2"].contains(&id.as_str());
    assert_eq!(set.make_room(&node(3), 2, local, Mono::ZERO), 2);
    assert_eq!(set.len(), 4);
    assert_eq!((set.live(&route(3), Mono::ZERO), set.live(&route(4), Mono::ZERO)), (vec![], vec![]));
    assert_eq!(set.make_room(&node(3), 3, local, Mono::ZERO), 1);
    assert_eq!(set.live(&route(2), Mono::ZERO), []);
    assert_eq!(set.make_room(&node(1), 3, local, Mono::ZERO), 1, "a node's own limit");
    assert_eq!(set.live(&route(0), Mono::ZERO).len(), 1, "of node 1, the ten ohms went");
    assert_eq!(set.make_room(&node(3), 1, local, Mono::ZERO), 0, "there is room");
}

#[test]
fn a_node_that_is_gone_makes_room_for_another() {
    let mut set = RegisterSet::new(RegisterSetLimits::new(2, 4, 6), Liveness::default());
    set.accept(route(0), &register(1, 1, 1), Mono::ZERO);
    let later = Mono::from_nanos(5_000_000_000);
    set.accept(route(0), &register(2, 1, 1), later);
    assert!(!set.make_room_for_node(later), "it fades, and still counts");
    assert!(set.make_room_for_node(Mono::from_nanos(10_000_000_000)));
    assert_eq!((set.nodes().count(), set.len()), (1, 1));
}

#[test]
fn a_deleted_route_is_as_if_never_known_and_does_not_come_back() {
    let mut set = RegisterSet::default();
    set.accept(route(0), &register(1, 1, 3), Mono::ZERO);
    assert!(!set.delete(route(0), &node(1), 1, 2, Mono::ZERO), "a deletion of long ago");
    assert_eq!(set.live(&route(0), Mono::ZERO).len(), 1);
    assert!(set.delete(route(0), &node(1), 1, 4, Mono::ZERO));
    assert_eq!(set.live(&route(0), Mono::ZERO), []);
    assert!(!set.accept(route(0), &register(1, 1, 3), Mono::ZERO));
    assert_eq!(set.live(&route(0), Mono::ZERO), []);
    assert!(set.accept(route(0), &register(1, 1, 5), Mono::ZERO), "the node uses the name again");
    assert_eq!(set.live(&route(0), Mono::ZERO).len(), 1);
}

#[test]
fn a_full_snapshot_takes_along_what_it_does_not_hold() {
    let mut set = RegisterSet::default();
    for on in 0..3 {
        set.accept(route(on), &register(1, 1, u64::from(on) + 1), Mono::ZERO);
    }
    set.accept(route(1), &register(2, 1, 1), Mono::ZERO);
    let holds = |id: &RouteId| id == &route(0);
    assert_eq!(set.reconcile(&node(1), 2, 9, holds), 0, "another life's snapshot");
    assert_eq!(set.reconcile(&node(1), 1, 2, holds), 1);
    assert_eq!(set.live(&route(0), Mono::ZERO).len(), 1, "it is held");
    assert_eq!(set.live(&route(1), Mono::ZERO).len(), 1, "the other node's");
    assert_eq!(set.live(&route(2), Mono::ZERO).len(), 1, "newer than the snapshot");
    assert_eq!(set.len(), 3);
}

#[test]
fn a_node_that_leaves_begins_to_fade_and_what_it_knew_is_kept() {
    let mut set = RegisterSet::default();
    let now = Mono::from_nanos(60_000_000_000);
    set.accept(route(0), &register(1, 1, 1), now);
    set.leaving(&node(1), 2, now);
    assert_eq!(set.population(now), (1, 0), "it was another life that left");
    set.leaving(&node(1), 1, now);
    let all: Vec<_> = set.of(&node(1), now).collect();
    assert_eq!((all.len(), all[0].0, all[0].1.silence), (1, &route(0), Duration::from_secs(3)));
    assert_eq!(set.node(&node(1), now), Some((1, Duration::from_secs(3))));
    let soon = Mono::from_nanos(61_000_000_000);
    assert_eq!((set.population(soon), set.live(&route(0), soon).len()), ((0, 1), 1));
    let gone = Mono::from_nanos(67_000_000_000);
    assert_eq!((set.population(gone), set.live(&route(0), gone).len(), set.len()), ((0, 0), 0, 1));
}

/// A process whose clock has just begun hears of nodes that were silent for longer than it lives.
#[test]
fn a_silence_may_have_begun_before_the_clock() {
    let mut set = RegisterSet::<RouteId>::new(RegisterSetLimits::default(), Liveness::default());
    let (now, long) = (Mono::from_nanos(1_000_000_000), Duration::from_secs(60));
    assert!(set.heard_before(&node(1), 1, long, now));
    assert_eq!((set.node(&node(1), now), set.population(now)), (Some((1, long)), (0, 0)));
}
