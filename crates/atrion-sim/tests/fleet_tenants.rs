// SPDX-License-Identifier: Apache-2.0
//! Tenants of a service with ten nodes, each with workers of its own, that tell each other of their
//! heaviest tenants over a network with delay and loss.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used)] // helpers speak as tests do

use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::time::Duration;

use atrion_core::{Gamma, Mono, SplitMix64, Tenant, Wall};
use atrion_engine::{Config, Engine, OwnedPermit};
use atrion_sim::policy::{Ended, Policy, Request};
use atrion_sim::{Scenario, plant};
use atrion_state::{FakeClock, NodeId, Sharing, StateProvider as _};
use atrion_testkit::{FleetNode, MemoryFleet};

const NODES: usize = 10;

/// Who asks each node, beside one tenant that is the same at all of them and has the rest.
struct Demand {
    /// Times the capacity.
    load: f64,
    /// Parts of the demand, of tenants of one node alone.
    own: &'static [f64],
}

/// Two ask their node for as much as the one that is at all nodes, and ten for a little: together
/// for 80 % of the capacity.
const HEAVY_IN_SUM: Demand = Demand {
    load: 1.15,
    own: &[0.305, 0.305, 0.0085, 0.0085, 0.0085, 0.0085, 0.0085, 0.0085, 0.0085, 0.0085, 0.0085, 0.0085],
};

/// Twenty that share a tenth.
const NINE_TENTHS: Demand = Demand { load: 2.0, own: &[0.005; 20] };

const DEADLINE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);
const SCORED_FROM: f64 = 15.0;

/// Forty workers of 50 ms.
fn scenario(load: f64) -> Scenario {
    let text = format!(
        r#"
        name = "fleet-tenants"
        purpose = "A tenant that is one of many at each node is the heaviest of all."
        seconds = 45
        plant = {{ workers = 40, service = 0.05, deadline = 0.5 }}
        load = {{ load = {load}, tiers = [0, 0, 1, 0, 0] }}
        "#
    );
    Scenario::parse(&text).unwrap()
}

/// What all nodes share: the time, and who pulses.
struct Service {
    clock: FakeClock,
    seats: Vec<Seat>,
    turn: Barrier,
}

struct Seat {
    engine: Engine,
    clock: FakeClock,
    member: FleetNode,
}

impl Service {
    /// One way takes 20 to 60 ms; a tenth is lost and said again a second later.
    fn new(gamma: Option<f64>, seed: u64) -> Self {
        let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
        let mut random = SplitMix64::new(seed);
        let way = move || {
            let lost = if random.next_u64().is_multiple_of(10) { 1_000 } else { 0 };
            Duration::from_millis(20 + random.next_u64() % 40 + lost)
        };
        let fleet = MemoryFleet::with_wires(Arc::new(clock.clone()), way);
        fleet.listen(gamma.map(|gamma| Sharing::new(Gamma::new(gamma).unwrap())));
        let seat = |number| {
            let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
            let config = Config::default().slo(DEADLINE);
            let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK).unwrap();
            let member = fleet.node(&NodeId::new(&format!("node-{number}")).unwrap());
            engine.listen_to(Arc::new(member.clone()));
            Seat { engine, clock, member }
        };
        Self { clock, seats: (0..NODES).map(seat).collect(), turn: Barrier::new(NODES) }
    }

    /// Every node is at this tick: one of them pulses all, in their order.
    fn tick(&self, now: Mono) {
        if self.turn.wait().is_leader() {
            self.clock.set(now);
            for Seat { engine, clock, member } in &self.seats {
                clock.set(now);
                member.deliver();
                engine.pulse(now);
                let batch = engine.manager().take_dirty(usize::MAX, now);
                // Ready at once, and never an error.
                let _ =
                    pin!(member.update_batch(batch.vectors())).poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        self.turn.wait();
    }

    /// What the tenant of all nodes and the others asked for and got, over all nodes.
    fn run(&self, demand: &Demand, seed: u64) -> Tally {
        let scenario = scenario(demand.load);
        std::thread::scope(|scope| {
            let node = |number: usize| {
                let scenario = &scenario;
                scope.spawn(move || {
                    let mut node = Node {
                        service: self,
                        number,
                        own: demand.own,
                        calls: Vec::new(),
                        tally: Tally::default(),
                    };
                    plant::run(scenario, 100 * seed + number as u64, &mut node);
                    node.tally
                })
            };
            let nodes: Vec<_> = (0..NODES).map(node).collect();
            nodes.into_iter().map(|node| node.join().unwrap()).fold(Tally::default(), Tally::with)
        })
    }
}

/// Whose a request is.
fn tenant(own: &[f64], drawn: f64) -> u64 {
    let mut upto = 0.0;
    let passed = own.iter().position(|part| {
        upto += part;
        drawn < upto
    });
    passed.map_or(0, |place| place as u64 + 1)
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    came: [u64; 2],
    good: [u64; 2],
}

impl Tally {
    fn with(self, other: Self) -> Self {
        let sum = |one: [u64; 2], other: [u64; 2]| [one[0] + other[0], one[1] + other[1]];
        Self { came: sum(self.came, other.came), good: sum(self.good, other.good) }
    }

    fn others(&self) -> f64 {
        self.good[1] as f64 / self.came[1] as f64
    }
}

struct Node<'a> {
    service: &'a Service,
    number: usize,
    own: &'a [f64],
    calls: Vec<Option<(OwnedPermit, usize, bool)>>,
    tally: Tally,
}

impl Node<'_> {
    fn seat(&self) -> &Seat {
        &self.service.seats[self.number]
    }
}

impl Policy for Node<'_> {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        self.seat().clock.set(now);
        // Number 0 is the same at all nodes, and what the others leave is its.
        let nth = tenant(self.own, (request.luck >> 11) as f64 / (1u64 << 53) as f64);
        let key = if nth == 0 { 0 } else { nth + 100 * self.number as u64 };
        let (who, scored) = (usize::from(nth > 0), now.as_nanos() as f64 * 1e-9 >= SCORED_FROM);
        self.tally.came[who] += u64::from(scored);
        let priority = request.priority().tenant(Tenant::new(key));
        let Ok(permit) = self.seat().engine.route("shared").admit_owned(priority) else { return false };
        let place = call as usize;
        if self.calls.len() <= place {
            self.calls.resize_with(place + 1, || None);
        }
        self.calls[place] = Some((permit, who, scored));
        true
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration) {
        self.seat().clock.set(now);
        let Some((permit, who, scored)) = self.calls[call as usize].take() else { return };
        self.tally.good[who] += u64::from(scored && ended.is_answer() && took <= DEADLINE);
        match ended.outcome() {
            Some(outcome) => permit.finish_at(outcome, now),
            None => drop(permit),
        }
    }

    fn tick(&mut self, now: Mono) {
        self.service.tick(now);
    }
}

impl Tally {
    /// Says what it is, and what part of what the others leave the one has. Thirty seconds of ten
    /// nodes at 800 a second are shared.
    fn told(&self, who: &str) -> f64 {
        let part = self.good[0] as f64 / (240_000 - self.good[1]) as f64;
        let asked = self.good[0] as f64 / self.came[0] as f64;
        println!(
            "{who}: others {:.2} %, the one {:.1} % of what is left, {:.1} % of what it asks for",
            100.0 * self.others(),
            100.0 * part,
            100.0 * asked
        );
        part
    }
}

#[test]
fn a_tenant_that_is_heavy_only_in_sum_takes_little_from_the_others() {
    let alone = Service::new(None, 1).run(&HEAVY_IN_SUM, 1);
    alone.told("alone");
    assert!(alone.others() < 0.88, "it would say nothing otherwise: {alone:?}");
    for seed in [1, 2, 3] {
        let tally = Service::new(Some(0.3), seed).run(&HEAVY_IN_SUM, seed);
        let part = tally.told("fleet");
        // Whatever came before all others would have 99.2 % to 99.3 % here: the crowd's noise.
        assert!(tally.others() >= 0.985, "seed {seed}: {tally:?}");
        assert!(part >= 0.9, "seed {seed}: {tally:?}");
    }
}

#[test]
fn one_tenant_with_nine_tenths_of_twice_a_fleets_capacity_takes_nothing_from_the_others() {
    let tally = Service::new(Some(0.3), 1).run(&NINE_TENTHS, 1);
    let part = tally.told("fleet");
    assert!(tally.others() >= 0.99 && part >= 0.9, "{tally:?}");
}
