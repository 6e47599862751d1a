// SPDX-License-Identifier: Apache-2.0
//! What lies between the nodes: how long a register takes, what is lost on the way, which nodes are
//! cut off when.

use std::time::Duration;

use crate::dice::Dice;

/// What lies between the nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Network {
    /// The least time of one way to the store or from it, in seconds.
    pub delay: f64,
    /// What is added to it in the mean, in seconds; exponential.
    pub jitter: f64,
    /// The share of registers that a listener does not get before they are said again a second
    /// later, 0..=1.
    pub loss: f64,
    /// Which nodes cannot reach the store, and when.
    pub cut: Option<Cut>,
}

/// Some nodes cannot reach the store for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Cut {
    /// The share of nodes, 0..=1; at 1 the store itself is down.
    pub share: f64,
    /// The beginning, in seconds.
    pub from: f64,
    /// The end, in seconds.
    pub to: f64,
}

impl Default for Network {
    /// Two availability zones: a way takes 1 ms and 1 ms of jitter; one register in a hundred is
    /// lost.
    fn default() -> Self {
        Self { delay: 0.001, jitter: 0.001, loss: 0.01, cut: None }
    }
}

impl Network {
    /// How long the next register takes from one node to another, over the store.
    pub(super) fn way(&self, dice: &mut Dice) -> Duration {
        let mut seconds = 2.0 * self.delay + self.jitter * (dice.exponential() + dice.exponential());
        while dice.hits(self.loss.min(MOST_LOSS)) {
            seconds += SAID_AGAIN;
        }
        Duration::from_nanos((seconds * 1e9) as u64)
    }
}

impl Cut {
    /// Whether it concerns a node: every second pair or so, so that each part has busy and slow
    /// nodes.
    pub(super) fn concerns(&self, node: usize, nodes: usize) -> bool {
        let pairs = nodes.div_ceil(2);
        let before = |pair: usize| (self.share * pair as f64) as usize;
        let pair = node / 2;
        // With a single pair the slow node of it.
        if pairs == 1 && self.share < 1.0 { node == 1 } else { before(pair + 1) > before(pair) }
    }
}

/// A fleet repeats what changed with its next heartbeat, and reads a gap from the store within two
/// seconds.
const SAID_AGAIN: f64 = 1.0;
/// Under 1, or the next register would be on its way for ever.
const MOST_LOSS: f64 = 0.99;

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
    fn a_register_that_is_lost_arrives_a_second_later() {
        let network = Network { loss: 0.5, ..Network::default() };
        let mut dice = Dice::new(1);
        let ways: Vec<_> = (0..1_000).map(|_| network.way(&mut dice)).collect();
        assert!(ways.iter().all(|way| *way >= Duration::from_millis(2)));
        let late = ways.iter().filter(|way| **way >= Duration::from_secs(1)).count();
        assert!((450..550).contains(&late), "{late}");
    }
}
