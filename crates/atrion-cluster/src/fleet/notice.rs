// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What people want to hear of, as it happens.

use std::collections::BTreeSet;

use atrion_core::Mono;
use atrion_state::NodeId;

use super::Fleet;

/// Something that happened to the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A node was heard of for the first time, or again after it had been lost.
    Joined(NodeId),
    /// A node's silence has reached the point from which its word is nothing.
    Lost(NodeId),
    /// Another process has this node's name, and this node took another one.
    Renamed {
        /// The name that two had.
        from: NodeId,
        /// The name from now on.
        to: NodeId,
    },
}

impl Fleet {
    /// What happened since this was last asked. It looks at every node: ask once a heartbeat.
    pub fn notices(&mut self, now: Mono) -> Vec<Notice> {
        let gone = self.peers.liveness().gone();
        let heard = |name: &&NodeId| self.peers.node(name, now).is_some_and(|(_, silence)| silence < gone);
        let present: BTreeSet<_> = self.peers.nodes().map(|(name, _)| name).filter(heard).cloned().collect();
        let lost = self.present.difference(&present).cloned().map(Notice::Lost);
        let joined = present.difference(&self.present).cloned().map(Notice::Joined);
        let mut notices: Vec<_> = lost.chain(joined).collect();
        self.present = present;
        if self.known_as != self.identity.node {
            let from = std::mem::replace(&mut self.known_as, self.identity.node.clone());
            notices.push(Notice::Renamed { from, to: self.identity.node.clone() });
        }
        notices
    }
}
