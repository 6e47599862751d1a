// SPDX-License-Identifier: Apache-2.0
//! A fleet in virtual time: what the sharing of scars brings, and what it costs.
//!
//! Each node is an engine of production with traffic of its own. The nodes share their registers
//! over a network with delay, loss and cuts. A trouble strikes all nodes or one of them. The counts
//! say which node brakes when, and what that costs.
//!
//! - **It promises** that a life is a pure function of [`Fleet`], to the bit, and that every gamma
//!   meets the same requests.
//! - **It does not know** the protocol of a fleet: messages, heartbeats and records are measured
//!   where the protocol is. Nor does it know queues or workers: the dependency answers, fails or
//!   hangs whatever its load is. What a crowd does to a gate is the business of
//!   [`plant`](crate::plant).

mod network;
mod node;
mod table;
mod tally;
mod trouble;
mod world;

pub use network::{Cut, Network};
pub use node::Class;
pub use table::{Grid, Row};
pub use tally::{Braking, Outcome};
pub use trouble::Trouble;

use atrion_core::Direction;
use atrion_core::Gamma;
use atrion_engine::ConfigError;
use atrion_state::NodeIdError;

/// A fleet, its network, and what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..Fleet::new(..)`
pub struct Fleet {
    /// Nodes, 2..=1,000. Those with an even number are busy, the others slow.
    pub nodes: usize,
    /// The weight of the fleet against the node itself. `None`: no node knows of any other, and
    /// nothing is said.
    pub gamma: Option<Gamma>,
    /// Which way the fleet may move a node.
    pub direction: Direction,
    /// What goes wrong, and at which nodes.
    pub trouble: Trouble,
    /// Between the nodes and their store.
    pub network: Network,
    /// Decides all traffic, all bad luck and the network.
    pub seed: u64,
}

/// Why a fleet cannot live.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// Too few to be a fleet, or too many.
    #[error("`nodes` must be 2..=1000, got {0}")]
    Nodes(usize),
    /// A node's name was refused.
    #[error("a node's name was refused")]
    Name(#[from] NodeIdError),
    /// An engine's configuration was refused.
    #[error("the configuration of the engines was refused")]
    Config(#[from] ConfigError),
}

impl Fleet {
    /// A fleet with the recommended weight, on a clean network.
    #[must_use]
    pub fn new(nodes: usize, trouble: Trouble, seed: u64) -> Self {
        let network = Network { cut: trouble.cut(), ..Network::default() };
        Self { nodes, gamma: Some(Gamma::RECOMMENDED), direction: Direction::Both, trouble, network, seed }
    }

    /// Learns, lives through the trouble, recovers.
    ///
    /// # Errors
    /// [`FleetError::Nodes`] if there are too few or too many.
    pub fn live(&self) -> Result<Outcome, FleetError> {
        if !(2..=1_000).contains(&self.nodes) {
            return Err(FleetError::Nodes(self.nodes));
        }
        Ok(world::World::new(self)?.live())
    }
}

/// How long a life lasts, in seconds.
pub const SECONDS: f64 = LEARNING + TROUBLE + AFTER;

/// Health comes first: a slow node needs this long to learn its route.
const LEARNING: f64 = 20.0;
/// How long the trouble lasts.
const TROUBLE: f64 = 40.0;
/// How long the time after it is observed.
const AFTER: f64 = 15.0;
