// SPDX-License-Identifier: Apache-2.0
//! A node among others: its gate hears them, and nothing else of it does.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use atrion_core::{Direction, Evidence, Gamma, Mode, Ohms, Outcome, Peer, Telemetry, Tier};
use atrion_engine::{Config, Route};
use atrion_state::{
    Capabilities, DecayRate, Event, InMemoryProvider, Liveness, MomentumRate, NodeId, PhysicsVector, RouteId,
    Sharing, StateProvider, Weight, forward_provider,
};
use atrion_testkit::{FleetNode, MemoryFleet};

use crate::world::{World, ms, ready};

struct Fleet {
    world: World,
    memory: MemoryFleet,
    own: FleetNode,
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn id(name: &str) -> RouteId {
    RouteId::new(name).unwrap()
}

fn vector(scar: f64, weight: Weight) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0 + scar), Ohms::saturating(scar))
        .with_weight(weight)
        .with_momentum(MomentumRate::ZERO)
        .with_decay_rate(DecayRate::saturating(0.1))
}

fn gamma(gamma: f64) -> Gamma {
    Gamma::new(gamma).unwrap()
}

impl Fleet {
    fn new(config: Config) -> Self {
        let world = World::new(config);
        let memory = MemoryFleet::new(Arc::new(world.clock.clone()));
        let own = memory.node(&node("own"));
        world.engine.listen_to(Arc::new(own.clone()));
        Self { world, memory, own }
    }

    /// A peer that says so, and whose word counts in full.
    fn peer_says(&self, name: &str, route: &str, scar: f64) {
        self.peer_publishes(name, route, vector(scar, Weight::FULL));
    }

    fn peer_publishes(&self, name: &str, route: &str, vector: PhysicsVector) {
        let peer = self.memory.node(&node(name));
        ready(peer.update_vector(id(route), vector));
    }

    /// What this node has recorded goes to the store.
    fn push(&self) -> Vec<(RouteId, PhysicsVector)> {
        let batch = self.world.engine.manager().take_dirty(1_000, self.world.now());
        ready(self.own.update_batch(batch.vectors()));
        batch.vectors().to_vec()
    }

    fn cluster_share(&self, route: &Route) -> f64 {
        route.snapshot().terms.cluster
    }
}

#[test]
fn loud_peers_make_a_node_without_evidence_shed_before_its_first_failure() {
    let fleet = Fleet::new(Config::default());
    let route = fleet.world.engine.route("pay");
    fleet.world.tick();
    assert!(route.admit(Tier::Bulk).is_ok());
    for peer in ["a", "b", "c"] {
        fleet.peer_says(peer, "pay", 60.0);
    }
    fleet.world.tick();
    // 0.3 x 60 from the mean and 0.7 x 30 from hearsay, a little less for the one call in flight.
    let share = fleet.cluster_share(&route);
    assert!((38.0..=39.0).contains(&share), "{share}");
    let shed = route.admit(Tier::Bulk).unwrap_err();
    assert_eq!((shed.terms().scar.get(), route.mode()), (0.0, Mode::Bootstrap));
    assert!((shed.terms().cluster - share).abs() < 1e-3, "{shed}");
    assert!(shed.to_string().contains("cluster 38."), "{shed}");
    assert!(route.admit(Tier::Critical).is_ok());
}

#[test]
fn hearsay_opens_no_breaker_even_if_all_peers_are_as_scarred_as_can_be() {
    for g in [0.1, 0.3, 0.5, 0.79] {
        let fleet = Fleet::new(Config::default().gamma(gamma(g)));
        let route = fleet.world.learned("pay");
        for _ in 0..100 {
            for peer in ["a", "b", "c", "d", "e"] {
                let mut broken = vector(1e6, Weight::FULL);
                broken.mode = Mode::CircuitBreaker;
                fleet.peer_publishes(peer, "pay", broken);
            }
            fleet.world.tick();
            assert_eq!(route.mode(), Mode::Operational);
            assert!(route.resistance().get() < 100.0, "{g}: {}", route.resistance());
        }
        // So it can always earn evidence of its own.
        assert!(route.admit(Tier::Critical).is_ok());
        assert_eq!(
            fleet.world.count(|event| matches!(event, Event::ModeChanged { to: Mode::CircuitBreaker, .. })),
            0
        );
    }
}

#[test]
fn at_gamma_zero_the_gate_is_the_own_one_to_the_bit() {
    let listening = Fleet::new(Config::default().gamma(Gamma::ISOLATED));
    let alone = World::default();
    let routes = [listening.world.engine.route("pay"), alone.engine.route("pay")];
    listening.peer_says("a", "pay", 60.0);
    listening.peer_says("b", "pay", 60.0);
    let mut scarred = false;
    for step in 0..200 {
        let error_rate = if step % 25 > 15 { 1.0 } else { 0.0 };
        let report = Telemetry { latency: 0.01, error_rate, saturation: 0.2 };
        let snapshots = [&listening.world, &alone].map(|world| {
            world.clock.advance(ms(100));
            world.engine.update_physics("pay", report).unwrap()
        });
        assert_eq!(snapshots[0], snapshots[1]);
        scarred |= routes[0].snapshot().terms.scar.get() > 1.0;
        listening.world.pulse();
        alone.pulse();
    }
    assert!(scarred, "the test had no scar to differ by");
    assert_eq!(routes[0].snapshot(), routes[1].snapshot());
}

#[test]
fn at_gamma_one_all_nodes_of_a_fleet_have_one_resistance() {
    let clock = World::default();
    let memory = MemoryFleet::new(Arc::new(clock.clock.clone()));
    memory.listen(Some(Sharing::new(Gamma::HIVE_MIND)));
    let worlds: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            let mut world = World::new(Config::default());
            world.clock = clock.clock.clone();
            let own = memory.node(&node(name));
            let engine = atrion_engine::Engine::new(
                Config::default(),
                Arc::new(clock.clock.clone()),
                Vec::new(),
                ms(100),
            );
            world.engine = engine.unwrap();
            world.engine.listen_to(Arc::new(own.clone()));
            (world, own)
        })
        .into();
    for step in 0..120 {
        clock.clock.advance(ms(100));
        for (nth, (world, _)) in worlds.iter().enumerate() {
            // Only the first is hurt, and only for a while.
            let error_rate = if nth == 0 && (20..60).contains(&step) { 0.9 } else { 0.0 };
            let report = Telemetry { latency: 0.01, error_rate, saturation: 0.1 };
            world.engine.update_physics("pay", report).unwrap();
        }
        for (world, own) in &worlds {
            world.engine.manager().mark_lost(world.now());
            let batch = world.engine.manager().take_dirty(10, world.now());
            ready(own.update_batch(batch.vectors()));
        }
        for (world, _) in &worlds {
            world.pulse();
        }
        let merged = worlds.iter().map(|(world, _)| {
            let terms = world.engine.route("pay").snapshot().terms;
            terms.scar.get() + terms.cluster
        });
        let merged: Vec<_> = merged.collect();
        if step == 65 {
            assert!(merged[0] > 1.0, "the fleet felt nothing: {merged:?}");
        }
        if step >= 65 {
            // Nothing is in flight any more. The terms are published as 32-bit floats.
            assert!(merged.iter().all(|one| (one - merged[0]).abs() < 1e-4), "{step}: {merged:?}");
        }
    }
}

#[test]
fn nothing_that_is_merged_is_ever_recorded() {
    let run = |config: Config| {
        let fleet = Fleet::new(config);
        let mut published = Vec::new();
        for step in 0..300_u32 {
            if step % 40 == 10 {
                fleet.peer_says("a", "pay", f64::from(step % 90));
                fleet.peer_says("b", "pay", 55.0);
                fleet.peer_says("b", "idle", 55.0);
            }
            // Open loop: what is reported does not depend on what the gate let through.
            let error_rate = if step % 25 > 15 { 1.0 } else { 0.0 };
            let report = Telemetry { latency: 0.01, error_rate, saturation: 0.1 };
            fleet.world.clock.advance(ms(100));
            fleet.world.engine.update_physics("pay", report).unwrap();
            let _idle = fleet.world.engine.route("idle");
            fleet.world.pulse();
            published.push(fleet.push());
        }
        let cluster = fleet.world.count(|event| matches!(event, Event::ClusterShareStarted { .. }));
        (published, cluster)
    };
    let (isolated, silent) = run(Config::default().gamma(Gamma::ISOLATED));
    assert_eq!(silent, 0);
    let said = isolated.iter().flatten().filter(|(_, vector)| vector.scar_tissue.get() > 1.0).count();
    assert!(said > 20, "only {said} scars were published that could be tainted");
    for g in [0.3, 0.7, 1.0] {
        let (published, loud) = run(Config::default().gamma(gamma(g)));
        assert!(loud > 0, "the fleet moved nothing at {g}");
        assert_eq!(published, isolated, "{g}");
    }
}

#[test]
fn a_fleet_that_falls_silent_fades_to_isolation_without_a_step() {
    let fleet = Fleet::new(Config::default().gamma(Gamma::HIVE_MIND));
    let route = fleet.world.engine.route("pay");
    let slow = vector(50.0, Weight::FULL).with_decay_rate(DecayRate::ZERO);
    ["a", "b"].into_iter().for_each(|peer| fleet.peer_publishes(peer, "pay", slow));
    fleet.world.tick();
    let whole = fleet.cluster_share(&route);
    assert!(whole > 49.0, "{whole}");
    fleet.memory.cut(&node("own"));
    let mut last = whole;
    for step in 1..=110 {
        fleet.world.tick();
        let now = fleet.cluster_share(&route);
        match step {
            // Three seconds whole.
            ..=29 => assert!((now - whole).abs() < 1e-3, "{step}: {now}"),
            // Then down, by no more than a slope. It has no evidence to hold against the fading
            // one, so the fade shows at the end: against the small epsilon of the mean.
            30..=99 => assert!(now <= last + 1e-6, "{step}: {now} after {last}"),
            _ => assert!(now.abs() < 1e-6, "{step}: {now}"),
        }
        last = now;
    }
    assert_eq!(route.snapshot().terms.cluster, 0.0);
    fleet.memory.mend(&node("own"));
    fleet.world.tick();
    assert!(fleet.cluster_share(&route) > 49.0, "it did not hear that the wire was mended");
}

#[test]
fn scars_of_peers_fade_on_a_route_on_which_nothing_happens() {
    let fleet = Fleet::new(Config::default());
    let route = fleet.world.engine.route("pay");
    ["a", "b", "c"].into_iter().for_each(|peer| fleet.peer_says(peer, "pay", 20.0));
    fleet.world.tick();
    let first = fleet.cluster_share(&route);
    assert!(first > 10.0, "{first}");
    fleet.world.ticks(100);
    let later = fleet.cluster_share(&route);
    assert!((later / first - (-1.0_f64).exp()).abs() < 0.01, "{first} then {later}");
    // It was visited, not computed: nothing has happened.
    assert_eq!(fleet.world.tick().computed, 0);
    fleet.world.ticks(900);
    assert_eq!(fleet.cluster_share(&route), 0.0);
    let events = fleet.world.events.events();
    let shares = events.iter().filter_map(|event| match event {
        Event::ClusterShareStarted { cluster, own, .. } => Some((own.get(), *cluster > 10.0)),
        Event::ClusterShareStopped { lasted, .. } => Some((0.0, lasted.as_secs() > 20)),
        _ => None,
    });
    assert_eq!(shares.collect::<Vec<_>>(), [(0.0, true), (0.0, true)]);
}

#[test]
fn a_route_that_is_named_later_hears_what_was_said_before() {
    let fleet = Fleet::new(Config::default());
    ["a", "b", "c"].into_iter().for_each(|peer| fleet.peer_says(peer, "pay", 40.0));
    fleet.world.ticks(3);
    let route = fleet.world.engine.route("pay");
    fleet.world.tick();
    assert!(fleet.cluster_share(&route) > 20.0);
}

#[test]
fn a_feed_that_has_dropped_changes_costs_no_route_its_hearing() {
    let fleet = Fleet::new(Config::default());
    let names: Vec<_> = (0..3_000).map(|nth| format!("r{nth}")).collect();
    let routes: Vec<_> = names.iter().map(|name| fleet.world.engine.route(name)).collect();
    fleet.world.tick();
    for name in &names {
        ["a", "b", "c"].into_iter().for_each(|peer| fleet.peer_says(peer, name, 40.0));
    }
    fleet.world.tick();
    assert!(routes.iter().all(|route| fleet.cluster_share(route) > 20.0));
}

#[test]
fn a_lone_victim_keeps_its_own_brake_where_the_fleet_may_only_raise() {
    let share = |direction| {
        let fleet = Fleet::new(Config::default());
        fleet.memory.listen(Some(Sharing::new(Gamma::RECOMMENDED).with_direction(direction)));
        let route = fleet.world.learned("pay");
        ["a", "b", "c"].into_iter().for_each(|peer| fleet.peer_says(peer, "pay", 0.0));
        for _ in 0..20 {
            for permit in crate::world::admit_all(&route, 10) {
                permit.finish(Outcome::Failure);
            }
            let success = route.admit_owned(crate::world::volts(1e6)).unwrap();
            success.finish(Outcome::Success);
            fleet.world.tick();
            fleet.push();
        }
        let terms = route.snapshot().terms;
        assert!(terms.scar.get() > 15.0, "{terms:?}");
        terms.cluster
    };
    assert!(share(Direction::Both) < -4.0);
    assert_eq!(share(Direction::RaiseOnly), 0.0);
}

#[test]
fn the_configuration_has_the_last_word_and_can_take_it_back() {
    let fleet = Fleet::new(Config::default());
    let route = fleet.world.engine.route("pay");
    ["a", "b", "c"].into_iter().for_each(|peer| fleet.peer_says(peer, "pay", 60.0));
    fleet.world.tick();
    assert!(fleet.cluster_share(&route) > 30.0);
    fleet.world.engine.replace_config(Config::default().gamma(Gamma::ISOLATED)).unwrap();
    fleet.world.tick();
    assert_eq!(fleet.cluster_share(&route), 0.0);
    fleet.world.engine.replace_config(Config::default()).unwrap();
    fleet.world.tick();
    assert!(fleet.cluster_share(&route) > 30.0);
    // A license that ends takes the fleet away, and one that comes brings it back.
    fleet.memory.listen(None);
    fleet.world.tick();
    assert_eq!(fleet.cluster_share(&route), 0.0);
    fleet.memory.listen(Some(Sharing::default()));
    fleet.world.tick();
    assert!(fleet.cluster_share(&route) > 30.0);
}

#[test]
fn neither_the_beat_nor_a_repetition_changes_what_is_heard() {
    let heard = |beat: u64, times: usize| {
        let fleet = Fleet::new(Config::default());
        let route = fleet.world.engine.route("pay");
        for step in 1..=420_u64 {
            fleet.world.clock.advance(ms(100));
            if step % 60 == 1 {
                for peer in ["a", "b", "c"] {
                    for _ in 0..times {
                        fleet.peer_says(peer, "pay", 20.0 + step as f64 / 10.0);
                    }
                }
            }
            if (step * 100).is_multiple_of(beat) {
                fleet.world.pulse();
            }
        }
        fleet.cluster_share(&route)
    };
    let usual = heard(100, 1);
    assert!(usual > 5.0, "{usual}");
    for (beat, times) in [(100, 3), (200, 1), (700, 1), (1_400, 2)] {
        assert_eq!(heard(beat, times), usual, "every {beat} ms, {times} times");
    }
}

#[test]
fn the_first_scar_of_a_route_is_merged_in_the_tick_that_makes_it() {
    let fleet = Fleet::new(Config::default());
    let route = fleet.world.learned("pay");
    ["a", "b", "c"].into_iter().for_each(|peer| fleet.peer_says(peer, "pay", 0.0));
    fleet.world.ticks(3);
    assert_eq!(route.snapshot().terms.scar, Ohms::ZERO);
    let hurt = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.0 };
    let mut scarred = false;
    for _ in 0..20 {
        fleet.world.clock.advance(ms(100));
        let terms = fleet.world.engine.update_physics("pay", hurt).unwrap().terms;
        scarred |= terms.scar > Ohms::ZERO;
        // Peers without a scar take their share off from the first tick on.
        assert_eq!(terms.scar > Ohms::ZERO, terms.cluster < 0.0, "{terms:?}");
    }
    assert!(scarred, "the test had no scar to merge");
}

/// A peer that looks at the route whenever it is asked what it says of it.
#[derive(Debug, Default)]
struct Nosy {
    store: InMemoryProvider,
    route: OnceLock<Route>,
    looks: AtomicUsize,
}

impl StateProvider for Nosy {
    forward_provider!(self => self.store, connect, disconnect, get_vector, update_vector);

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("nosy").shared(true)
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::default())
    }

    fn peers(&self, _: &RouteId, _: &Liveness, peers: &mut Vec<Peer>) {
        if let Some(route) = self.route.get() {
            // It takes the route's lock.
            let own = route.snapshot().terms.scar;
            peers.push(Peer { scar: own, weight: Evidence::FULL, ..Peer::default() });
            self.looks.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn a_provider_is_asked_for_peers_while_no_route_is_locked() {
    let world = World::default();
    let nosy = Arc::new(Nosy::default());
    world.engine.listen_to(nosy.clone());
    nosy.route.set(world.learned("pay")).unwrap();
    let hurt = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.0 };
    for _ in 0..20 {
        world.clock.advance(ms(100));
        world.engine.update_physics("pay", hurt).unwrap();
        world.pulse();
    }
    assert!(nosy.looks.load(SeqCst) > 10);
}
