// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a node counts.

/// Counts since the start, and sizes at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FleetStats {
    /// Messages that were given out to be published.
    pub sent: u64,
    /// Routes that were spoken of in them.
    pub sent_entries: u64,
    /// Transactions that were stored.
    pub committed: u64,
    /// Transactions that failed, or whose end is not known.
    pub failed: u64,
    /// Messages that were taken.
    pub taken: u64,
    /// Registers that were news.
    pub news: u64,
    /// Own messages that came back.
    pub echoes: u64,
    /// Messages of another process in this node's name.
    pub foreign: u64,
    /// Messages of earlier lives of their senders.
    pub old: u64,
    /// Messages that did not count, because their senders did not prove that they live.
    pub unproven: u64,
    /// Messages of senders that say too much.
    pub floods: u64,
    /// Messages and records of nodes for which there was no room.
    pub full: u64,
    /// Stored records that were taken.
    pub loaded: u64,
    /// Times that the own record was gone from the store and written anew.
    pub restored: u64,
    /// Times that the own name was given up because another process has it, too.
    pub conflicts: u64,
    /// Own routes that were forgotten for want of room.
    pub evicted: u64,
    /// Peers' registers that were forgotten for want of room.
    pub evicted_peers: u64,
    /// Nodes that are heard of.
    pub live: usize,
    /// Nodes that fade.
    pub fading: usize,
    /// Of both, the nodes with other settings than this node's.
    pub differing: usize,
    /// Registers of peers that are held.
    pub registers: usize,
    /// Own routes that are held.
    pub routes: usize,
}
