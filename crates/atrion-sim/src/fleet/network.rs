// SPDX-License-Identifier: Apache-2.0
//! The store and the ways to it: who can reach it, how long that takes, what is lost on the way, what it keeps.

use std::time::Duration;

use atrion_core::Mono;

use super::voice::{Message, Record};
use crate::dice::Dice;

/// What lies between the nodes and their store.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Network {
    /// The least time of one way, in seconds.
    pub delay: f64,
    /// What comes to it in the mean, in seconds; exponential.
    pub jitter: f64,
    /// The share of messages that a listener does not get, 0..=1.
    pub loss: f64,
    /// Who cannot reach the store when.
    pub cut: Option<Cut>,
}

/// Some nodes cannot reach the store for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Cut {
    /// How many of them, 0..=1; with 1 the store itself is down.
    pub share: f64,
    /// From when on, in seconds.
    pub from: f64,
    /// Until when, in seconds.
    pub to: f64,
}

impl Default for Network {
    /// Two availability zones: a way takes 1 ms and 1 ms of jitter; one message in a hundred is lost.
    fn default() -> Self {
        Self { delay: 0.001, jitter: 0.001, loss: 0.01, cut: None }
    }
}

impl Cut {
    /// Whether it concerns a node: both classes by turns, so that each part has busy and slow ones.
    pub(super) fn concerns(&self, node: usize, nodes: usize) -> bool {
        let pairs = nodes.div_ceil(2);
        let before = |pair: usize| (self.share * pair as f64) as usize;
        let pair = node / 2;
        // With a single pair the quiet half of it.
        if pairs == 1 && self.share < 1.0 { node == 1 } else { before(pair + 1) > before(pair) }
    }
}

/// The store, and everybody's connection to it.
pub(super) struct Store {
    network: Network,
    dice: Dice,
    /// Who has a connection.
    online: Vec<bool>,
    /// When the last message arrives at each node: a connection keeps its order.
    lines: Vec<Mono>,
    /// What each node has stored last.
    records: Vec<Option<Record>>,
}

impl Store {
    pub(super) fn new(network: Network, nodes: usize, seed: u64) -> Self {
        let dice = Dice::stream(seed, PURPOSE);
        let (online, lines, records) = (vec![true; nodes], vec![Mono::ZERO; nodes], vec![None; nodes]);
        Self { network, dice, online, lines, records }
    }

    /// Whether a node has a connection.
    pub(super) fn reaches(&self, node: usize) -> bool {
        self.online[node]
    }

    /// Takes a node's connection, or gives it a new one.
    pub(super) fn connect(&mut self, node: usize, online: bool) {
        self.online[node] = online;
    }

    /// When each listener gets a message that is published now.
    pub(super) fn publish(&mut self, message: &Message, now: Mono, mut hear: impl FnMut(usize, Mono)) {
        let at_store = now.after(self.way());
        for listener in 0..self.lines.len() {
            if listener == message.from || self.dice.hits(self.network.loss) {
                continue;
            }
            let arrives = at_store.after(self.way()).max(self.lines[listener]);
            self.lines[listener] = arrives;
            hear(listener, arrives);
        }
    }

    /// Keeps what a node knows, in the same transaction as its heartbeat.
    pub(super) fn keep(&mut self, node: usize, record: Record) {
        self.records[node] = Some(record);
    }

    /// What a node has stored.
    pub(super) fn record(&self, node: usize) -> Option<&Record> {
        self.records[node].as_ref()
    }

    /// There and back.
    pub(super) fn trip(&mut self) -> Duration {
        self.way() + self.way()
    }

    /// A random wait, so that those who were cut off together do not come back together.
    pub(super) fn patience(&mut self) -> Duration {
        Duration::from_secs_f64(self.dice.between(0.1, 1.0))
    }

    fn way(&mut self) -> Duration {
        let seconds = self.network.delay + self.network.jitter * self.dice.exponential();
        Duration::from_nanos((seconds * 1e9) as u64)
    }
}

const PURPOSE: u64 = 0x57_04_e0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_cut_takes_half_of_the_busy_and_half_of_the_slow_nodes() {
        let cut = Cut { share: 0.5, from: 0.0, to: 1.0 };
        for nodes in [20, 200] {
            let of =
                |class: usize| (0..nodes).filter(move |node| node % 2 == class && cut.concerns(*node, nodes));
            assert_eq!((of(0).count(), of(1).count()), (nodes / 4, nodes / 4));
        }
        let all = Cut { share: 1.0, ..cut };
        assert!((0..5).all(|node| all.concerns(node, 5)));
        assert_eq!((cut.concerns(0, 2), cut.concerns(1, 2)), (false, true));
    }

    #[test]
    fn a_connection_keeps_its_order_and_nobody_hears_himself() {
        let mut store = Store::new(Network { loss: 0.0, ..Network::default() }, 3, 1);
        let mut last = Mono::ZERO;
        for nth in 0..1_000 {
            let now = Mono::from_nanos(nth * 100_000);
            store.publish(
                &Message { from: 0, seq: nth, sent: now, said: Vec::new() },
                now,
                |listener, at| {
                    assert_ne!(listener, 0);
                    if listener == 1 {
                        assert!(at >= last && at > now);
                        last = at;
                    }
                },
            );
        }
    }
}
