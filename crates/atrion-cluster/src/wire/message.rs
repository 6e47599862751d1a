// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A message as values: what was decoded, or is to be encoded.

use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Ohms};
use atrion_state::{DecayRate, MomentumRate, NodeId, RouteId, Weight};

use super::{ClusterHash, RouteHash};

/// What one node has to say.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // the format's major version would change with it
pub struct Message {
    /// Which node says it, and how it is to be ordered and aged.
    pub header: Header,
    /// The routes it speaks of; at most [`Message::MAX_ENTRIES`].
    pub entries: Vec<Entry>,
}

impl Message {
    /// More entries than this are two messages.
    pub const MAX_ENTRIES: usize = 1_024;
}

/// What stands before the entries.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // the format's major version would change with it
pub struct Header {
    /// The fleet it belongs to.
    pub cluster: ClusterHash,
    /// The sender.
    pub node: NodeId,
    /// Which life of the sender; orders everything that one node ever says, together with `seq`.
    pub incarnation: u64,
    /// Counts the messages of this incarnation and shard.
    pub seq: u64,
    /// The sender's monotonic clock since its incarnation began, in milliseconds.
    pub sent_ms: u64,
    /// The rate at which the scars in this message fade.
    pub lambda: DecayRate,
    /// How long the sender's stored record lives, in milliseconds.
    pub ttl_ms: u32,
    /// A fingerprint of the sender's settings: nodes that differ say so, and merge all the same.
    pub cfg: u32,
    /// What kind of message this is.
    pub kind: Kind,
    /// The shard that the message's routes belong to.
    pub shard: u16,
    /// Which part of a snapshot this is.
    pub part: u16,
    /// How many parts the snapshot has; in the header of a record, how many it has to hold at the
    /// least to be whole.
    pub parts: u16,
    /// What shows that the message is younger than what it answers; from minor version 1 on, where
    /// a fleet signs its messages. It stands behind the entries, where older versions look over it.
    pub proof: Option<Proof>,
}

/// Numbers that nodes make up and answer each other: a node that answers a number has lived since
/// it was made up, and no recording can answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::exhaustive_structs)] // the format's minor version would change with it
pub struct Proof {
    /// The sender's own number of the moment.
    pub challenge: u64,
    /// Numbers of others that the sender has heard; at most [`Proof::MAX_ANSWERS`].
    pub answers: Vec<u64>,
}

impl Proof {
    /// As many as a node hears other nodes.
    pub const MAX_ANSWERS: usize = 1_024;
}

/// What a message is for. Number 4 is reserved for aggregates of many nodes and refused until there
/// are some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The sender lives. Also what a stored record begins with.
    Heartbeat,
    /// Routes that changed.
    Delta,
    /// A part of everything the sender has.
    SnapshotPart,
    /// The sender ends in good order.
    Leave,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Heartbeat, Self::Delta, Self::SnapshotPart, Self::Leave];

    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Heartbeat => 0,
            Self::Delta => 1,
            Self::SnapshotPart => 2,
            Self::Leave => 3,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_byte() == byte)
    }
}

/// One route of the sender.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // the format's major version would change with it
pub struct Entry {
    /// The route.
    pub route: RouteHash,
    /// How many messages ago the route last changed: its version is `seq - back`.
    pub back: u32,
    /// How old the values were when the message was sent, in milliseconds.
    pub age_ms: u32,
    /// The sender's own scar.
    pub scar: Ohms,
    /// The sender's own evidence.
    pub weight: Weight,
    /// What the route is doing.
    pub mode: EntryMode,
    /// For people: R of the route at the sender, rounded to 32 bits on the wire.
    pub resistance: Ohms,
    /// For people: M of the route at the sender, rounded to 32 bits on the wire.
    pub momentum: MomentumRate,
    /// The route's name: in stored parts, and at its first mention in an incarnation.
    pub name: Option<RouteId>,
    /// What load the sender has; from minor version 2 on. It stands behind the proof, where older
    /// versions look over it.
    pub load: Load,
    /// The sender's heaviest tenants; from minor version 3 on, behind the loads.
    pub tenants: Heaviest,
}

/// What a route is doing at the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the format's major version would change with it
pub enum EntryMode {
    /// It lives.
    Live(Mode),
    /// It was forgotten: scar and weight are 0, and its higher version tells so.
    Deleted,
}

impl EntryMode {
    pub(super) const ALL: [Self; 4] = [
        Self::Live(Mode::Bootstrap),
        Self::Live(Mode::Operational),
        Self::Live(Mode::CircuitBreaker),
        Self::Deleted,
    ];

    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Live(Mode::Bootstrap) => 0,
            Self::Live(Mode::Operational) => 1,
            Self::Live(Mode::CircuitBreaker) => 2,
            Self::Deleted => 255,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.to_byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_modes_survive_their_byte_and_no_other_byte_is_one() {
        let kinds = (0..=u8::MAX).filter_map(|byte| Some((byte, Kind::from_byte(byte)?.to_byte())));
        assert_eq!(kinds.collect::<Vec<_>>(), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        let modes = (0..=u8::MAX).filter_map(|byte| Some((byte, EntryMode::from_byte(byte)?.to_byte())));
        assert_eq!(modes.collect::<Vec<_>>(), [(0, 0), (1, 1), (2, 2), (255, 255)]);
    }
}
