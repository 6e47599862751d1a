// SPDX-License-Identifier: Apache-2.0
//! The loop: requests, ends of calls, pulses, cuts, in the order of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Outcome as Verdict};
use atrion_state::{FakeClock, NodeId, Sharing};
use atrion_testkit::MemoryFleet;

use super::node::{Arrival, Node};
use super::tally::{Outcome, Tally};
use super::{Fleet, FleetError, SECONDS};
use crate::dice::Dice;

pub(super) struct World<'f> {
    fleet: &'f Fleet,
    clock: FakeClock,
    now: Mono,
    nodes: Vec<Node>,
    /// What the nodes share; its registers are delivered when a node pulses.
    shared: MemoryFleet,
    tally: Tally,
    coming: Vec<Arrival>,
    agenda: BinaryHeap<Reverse<Entry>>,
    entries: u64,
}

/// What happens when. Of what happens at the same time, what was planned first comes first.
struct Entry {
    at: Mono,
    nth: u64,
    what: What,
}

enum What {
    Request { node: usize },
    End { node: usize, place: usize, verdict: Verdict },
    Pulse { node: usize },
    Cut { node: usize },
    Mend { node: usize },
}

impl<'f> World<'f> {
    pub(super) fn new(fleet: &'f Fleet) -> Result<Self, FleetError> {
        let clock = FakeClock::new();
        let nodes = (0..fleet.nodes).map(|node| Node::new(node, &clock, fleet.seed));
        let (network, mut dice) = (fleet.network, Dice::stream(fleet.seed, WIRES));
        let mut world = Self {
            fleet,
            now: Mono::ZERO,
            nodes: nodes.collect::<Result<_, _>>()?,
            shared: MemoryFleet::with_wires(Arc::new(clock.clone()), move || network.way(&mut dice)),
            tally: Tally::new(fleet),
            coming: Vec::new(),
            agenda: BinaryHeap::new(),
            entries: 0,
            clock,
        };
        world.share()?;
        world.plan();
        Ok(world)
    }

    /// Every node becomes a member of the fleet, unless nothing is shared.
    fn share(&mut self) -> Result<(), FleetError> {
        let Some(gamma) = self.fleet.gamma else { return Ok(()) };
        self.shared.listen(Some(Sharing::new(gamma).with_direction(self.fleet.direction)));
        for (number, node) in self.nodes.iter_mut().enumerate() {
            node.join(self.shared.node(&NodeId::new(&format!("node-{number:03}"))?));
        }
        Ok(())
    }

    /// No node begins in step with another.
    fn plan(&mut self) {
        let mut dice = Dice::stream(self.fleet.seed, PURPOSE);
        for node in 0..self.fleet.nodes {
            let arrival = self.nodes[node].next();
            self.at(arrival.at, What::Request { node });
            self.coming.push(arrival);
            self.after(TICK.mul_f64(dice.unit()), What::Pulse { node });
            // A random wait, so that nodes that were cut off together do not come back together.
            // Drawn for every node: a cut moves no other node's pulses.
            let patience = dice.between(0.1, 1.0);
            if let Some(cut) = self.fleet.network.cut.filter(|cut| cut.concerns(node, self.fleet.nodes)) {
                self.after(Duration::from_secs_f64(cut.from), What::Cut { node });
                self.after(Duration::from_secs_f64(cut.to + patience), What::Mend { node });
            }
        }
    }

    pub(super) fn live(mut self) -> Outcome {
        let end = Mono::ZERO.after(Duration::from_secs_f64(SECONDS));
        while let Some(Reverse(entry)) = self.agenda.pop().filter(|Reverse(entry)| entry.at < end) {
            self.now = entry.at;
            self.clock.set(entry.at);
            self.happen(entry.what);
        }
        let members = self.nodes.iter().filter_map(|node| node.member.as_ref());
        let looks = members.map(|member| member.looks()).sum();
        self.tally.outcome(looks)
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Request { node } => self.request(node),
            What::End { node, place, verdict } => self.nodes[node].finish(place, verdict, self.now),
            What::Pulse { node } => self.pulse(node),
            What::Cut { node } => self.reach(node, MemoryFleet::cut),
            What::Mend { node } => self.reach(node, MemoryFleet::mend),
        }
    }

    fn request(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let arrival = std::mem::replace(&mut self.coming[number], node.next());
        let seconds = self.now.seconds_since(Mono::ZERO);
        let fate = self.fleet.trouble.fate(number, seconds, arrival.luck);
        let call = node.admit(&arrival, fate);
        self.tally.decided(number, arrival.request.tier, fate, call.is_some(), self.now);
        if let Some(call) = call {
            self.at(call.ends, What::End { node: number, place: call.place, verdict: call.outcome });
        }
        self.at(self.coming[number].at, What::Request { node: number });
    }

    fn pulse(&mut self, number: usize) {
        let node = &self.nodes[number];
        node.pulse(self.now);
        self.tally.looked(number, &node.snapshot(), self.now);
        self.after(TICK, What::Pulse { node: number });
    }

    fn reach(&self, number: usize, change: fn(&MemoryFleet, &NodeId)) {
        if let Some(member) = &self.nodes[number].member {
            change(&self.shared, member.name());
        }
    }

    fn after(&mut self, span: Duration, what: What) {
        self.at(self.now.after(span), what);
    }

    fn at(&mut self, at: Mono, what: What) {
        self.entries += 1;
        self.agenda.push(Reverse(Entry { at, nth: self.entries, what }));
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}

/// As in production.
const TICK: Duration = Duration::from_millis(100);
const PURPOSE: u64 = 0xf1_ee_70;
const WIRES: u64 = 0x57_04_e0;
