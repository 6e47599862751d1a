// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Why bytes were dropped, as values that can be counted. None of them is a reason to disconnect or
//! to delete.

/// Why a message was dropped, in the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// Shorter than an envelope or longer than the longest.
    #[error("size is none that a message can have")]
    Size,
    /// It does not begin with the magic: something else writes to this channel or key.
    #[error("magic is not `ATRS`: something else writes here")]
    Magic,
    /// A version that this one does not understand; say so once a minute.
    #[error("major version is not known here: a newer or older Atrion writes here")]
    Major,
    /// A codec that this version does not know.
    #[error("codec is not known")]
    Codec,
    /// Flags that must be zero are not.
    #[error("flags are set that are not known")]
    Flags,
    /// The length in the envelope is not that of the body.
    #[error("body_len is not the length of the body")]
    BodyLength,
    /// The checksum is another.
    #[error("crc32 is not that of the body")]
    Checksum,
    /// A key is configured and the message is not signed with it.
    #[error("signature is missing or made with another key")]
    Signature,
    /// The body is none of codec 1: it ends early, goes on too long, or spells a number in more
    /// bytes than it needs.
    #[error("body is not codec 1")]
    Body,
    /// It belongs to another fleet.
    #[error("cluster is another one")]
    Cluster,
    /// The sender's name is no node name.
    #[error("node is no node name")]
    Node,
    /// A kind that this version does not know.
    #[error("kind is not known")]
    Kind,
    /// It belongs to another shard.
    #[error("shard is another one")]
    Shard,
    /// The decay rate is not finite or not in 0..=10.
    #[error("lambda is not in 0..=10 1/s")]
    Lambda,
    /// The incarnation lies more than an hour ahead: believed, it would capture the node's name for
    /// ever.
    #[error("incarnation lies more than an hour ahead")]
    Incarnation,
    /// More entries than a message may have.
    #[error("entries are more than 1024")]
    Entries,
    /// More than a tenth of its entries are faulty: the sender is, too.
    #[error("more than a tenth of the entries are faulty")]
    Faulty,
}

impl Reject {
    /// Every reason, in the order of the checks.
    pub const ALL: [Self; 17] = [
        Self::Size,
        Self::Magic,
        Self::Major,
        Self::Codec,
        Self::Flags,
        Self::BodyLength,
        Self::Checksum,
        Self::Signature,
        Self::Body,
        Self::Cluster,
        Self::Node,
        Self::Kind,
        Self::Shard,
        Self::Lambda,
        Self::Incarnation,
        Self::Entries,
        Self::Faulty,
    ];

    /// A stable lower-case name for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Magic => "magic",
            Self::Major => "major",
            Self::Codec => "codec",
            Self::Flags => "flags",
            Self::BodyLength => "body_length",
            Self::Checksum => "checksum",
            Self::Signature => "signature",
            Self::Body => "body",
            Self::Cluster => "cluster",
            Self::Node => "node",
            Self::Kind => "kind",
            Self::Shard => "shard",
            Self::Lambda => "lambda",
            Self::Incarnation => "incarnation",
            Self::Entries => "entries",
            Self::Faulty => "faulty",
        }
    }
}

/// Why one entry was dropped from a message that was otherwise taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EntryFault {
    /// It claims a version from before the first message.
    Back,
    /// Its scar is negative or not finite.
    Scar,
    /// Its resistance is negative or not finite.
    Resistance,
    /// Its momentum is negative or not finite.
    Momentum,
    /// It is more than an hour old.
    Age,
    /// Its mode is none.
    Mode,
    /// Its name is no route name.
    Name,
    /// Its name is another route's.
    Hash,
}

impl EntryFault {
    /// Every fault, in the order of the checks.
    pub const ALL: [Self; 8] = [
        Self::Back,
        Self::Scar,
        Self::Resistance,
        Self::Momentum,
        Self::Age,
        Self::Mode,
        Self::Name,
        Self::Hash,
    ];

    /// A stable lower-case name for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Back => "entry_back",
            Self::Scar => "entry_scar",
            Self::Resistance => "entry_resistance",
            Self::Momentum => "entry_momentum",
            Self::Age => "entry_age",
            Self::Mode => "entry_mode",
            Self::Name => "entry_name",
            Self::Hash => "entry_hash",
        }
    }
}

/// How many entries of a message were dropped, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryFaults([u16; EntryFault::ALL.len()]);

impl EntryFaults {
    pub(super) fn add(&mut self, fault: EntryFault) {
        let count = &mut self.0[fault as usize];
        *count = count.saturating_add(1);
    }

    /// How many entries had this fault; one with several counts for the first.
    #[must_use]
    pub const fn of(&self, fault: EntryFault) -> u16 {
        self.0[fault as usize]
    }

    /// How many entries were dropped.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().map(|&count| usize::from(count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_distinct_and_the_lists_are_whole_and_in_order() {
        let labels = Reject::ALL.map(Reject::label).into_iter().chain(EntryFault::ALL.map(EntryFault::label));
        assert_eq!(labels.collect::<BTreeSet<_>>().len(), Reject::ALL.len() + EntryFault::ALL.len());
        assert!(Reject::ALL.is_sorted() && EntryFault::ALL.is_sorted());
        assert!(EntryFault::ALL.iter().enumerate().all(|(at, fault)| *fault as usize == at));
        assert_eq!(Reject::Faulty as usize, Reject::ALL.len() - 1);
    }
}
