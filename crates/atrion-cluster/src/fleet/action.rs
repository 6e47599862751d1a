// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a node wants done with the world, as values, and what the world brings back.

use std::time::Duration;

use atrion_state::{Change, NodeId};

use crate::wire::{Header, Message};

/// Something to be done for a [`Fleet`](super::Fleet). Each kind is given out once at a time: the
/// next of a kind comes after the end of this one was reported.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Publish these messages, in order. Then: [`Fleet::published`](super::Fleet::published).
    Publish(Vec<Message>),
    /// Store and publish, all or nothing. Then: [`Fleet::committed`](super::Fleet::committed).
    Commit(Commit),
    /// Read the stored headers of all members. Then: [`Fleet::compared`](super::Fleet::compared).
    Compare,
    /// Read the stored records of these nodes. Then: [`Fleet::pulled`](super::Fleet::pulled).
    Pull(Vec<NodeId>),
}

/// What one transaction writes: the node's header and some parts of its snapshot, with their time
/// to live, its membership, and the messages that say the same to the listeners.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Commit {
    /// The record's owner: this node.
    pub node: NodeId,
    /// The record is replaced whole: whatever it held before goes.
    pub replaces: bool,
    /// The record's header.
    pub header: Header,
    /// The parts that changed.
    pub parts: Vec<Part>,
    /// How long the record lives from now on.
    pub ttl: Duration,
    /// What is published, in order.
    pub messages: Vec<Message>,
}

/// A part of a node's snapshot. Its name in the record is stable: a part that is written again
/// replaces itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// Its name, `p` and hexadecimal digits.
    pub field: String,
    /// What it holds.
    pub message: Message,
}

/// How a [`Commit`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a store has it, or its listeners, or neither may
pub enum Committed {
    /// It is stored, and some fields of the record may be new.
    Stored {
        /// Fields that the record did not have before.
        added: usize,
    },
    /// Its messages were published, and nothing is stored: the store takes no writes at present.
    Published,
    /// It is not stored, or its end is not known.
    Failed,
}

/// A stored record as it was read.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data of the caller
pub struct Record {
    /// Its header.
    pub header: Header,
    /// Its parts, those that decoded.
    pub parts: Vec<Message>,
    /// How long it will still live by the store's clock; `None` if it has no end.
    pub ttl: Option<Duration>,
    /// Everything in it decoded.
    pub complete: bool,
}

/// A stored header as it was read, without the parts.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data of the caller
pub struct Digest {
    /// The header.
    pub header: Header,
    /// How long the record will still live by the store's clock; `None` if it has no end.
    pub ttl: Option<Duration>,
}

/// What became of a message that arrived.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Received {
    /// It was taken. These registers changed, as far as their routes' names are known here.
    Taken(Vec<Change>),
    /// This node's own word came back: the way through the store works.
    Echo,
    /// Another process speaks in this node's name.
    Foreign,
    /// An earlier life of its sender sent it.
    Old,
    /// Its sender says more than a node can have to say; it will be read from the store instead.
    Flood,
    /// There is no room for another node.
    Full,
}
