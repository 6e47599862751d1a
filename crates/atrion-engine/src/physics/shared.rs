// SPDX-License-Identifier: Apache-2.0
//! The load that a node says of a route whose callee it shares with its fleet, and what the loads of
//! all leave to it.
//!
//! - **It promises** that what is said depends on the node's own windows alone, whether it listens
//!   or not.

use std::time::Duration;

use atrion_core::adaptive::Window;
use atrion_core::{AdaptiveConfig, Capacity, Load, Share};

use crate::live::Reading;
use crate::peers::Peers;

/// As of the last tick. Most routes have none.
#[derive(Debug, Default)]
pub(super) struct Shared(Option<Box<OneCallee>>);

#[derive(Debug, Default)]
struct OneCallee {
    load: Load,
    capacity: Capacity,
}

impl Shared {
    /// One tick; `rules` are those of a route with one callee for all nodes.
    pub(super) fn step(
        &mut self,
        rules: Option<&AdaptiveConfig>,
        dt: Duration,
        window: &Window,
        counted: &Reading,
        peers: Peers<'_>,
    ) {
        let Some(rules) = rules else {
            *self = Self::default();
            return;
        };
        let OneCallee { load, capacity } = &mut **self.0.get_or_insert_default();
        *load = load.after(window, counted.offered(), dt.as_secs_f64());
        match peers {
            Peers::Read(view) => capacity.step(dt, load, view.loads(), rules),
            Peers::Absent | Peers::Unread => *capacity = Capacity::default(),
        }
    }

    /// What the node says.
    pub(super) fn load(&self) -> Load {
        self.0.as_ref().map_or(Load::NONE, |shared| shared.load)
    }

    /// What the fleet leaves to the node.
    pub(super) fn share(&self) -> Option<Share> {
        self.0.as_ref()?.capacity.share()
    }

    /// Nothing will change without a request, here or at a peer.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.load.is_none() && shared.capacity.is_alone())
    }
}
