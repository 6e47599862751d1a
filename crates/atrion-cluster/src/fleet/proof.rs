// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Whether a node that is heard lives, or what it once said is played again.
//!
//! A signature says which node wrote a message and not when, and clocks of others are not trusted.
//! So each node makes up a number now and then, its *challenge*, and says it with every message. A
//! node that hears a new one answers it with the next heartbeats. An answer proves that its sender
//! has lived since the number was made up, and for a while after that the sender is believed; then
//! it has to answer the next one. A recording answers numbers that no node knows any more.
//!
//! A node that is not believed is listened to and counts for nothing: its registers are there when
//! the proof comes, a heartbeat or two later.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use atrion_core::{Mono, SplitMix64};

use crate::wire::Proof;

/// A challenge is made up every twenty heartbeats.
const ROTATE: u32 = 20;
/// A node that answered is believed for sixty heartbeats from when the challenge was made up: two
/// that are lost do no harm. So old is the oldest recording that may still be believed.
pub(super) const BELIEVED: u32 = 60;
/// A message may be lost: an answer is given twice.
const TWICE: u8 = 2;

/// This node's challenges, and the answers that it owes.
#[derive(Debug, Clone, Default)]
pub(super) struct Challenges {
    /// The latest first, each with when it was made up.
    own: VecDeque<(u64, Mono)>,
    /// Numbers of others, and how often each is still to be answered. Bounded by what a message
    /// takes.
    owed: BTreeMap<u64, u8>,
}

impl Challenges {
    /// The number of the moment.
    pub(super) fn current(&mut self, heartbeat: Duration, jitter: &mut SplitMix64, now: Mono) -> u64 {
        let age = |(_, made): &(u64, Mono)| now.since(*made);
        if self.own.front().is_none_or(|latest| age(latest) >= ROTATE * heartbeat) {
            self.own.push_front((jitter.next_u64(), now));
        }
        while self.own.back().is_some_and(|oldest| age(oldest) >= BELIEVED * heartbeat) && self.own.len() > 1
        {
            self.own.pop_back();
        }
        self.own.front().map_or(0, |(number, _)| *number)
    }

    /// When the number was made up that this answers, if it answers one of this node's.
    pub(super) fn proven_since(&self, proof: &Proof) -> Option<Mono> {
        let answered = |(number, _): &&(u64, Mono)| proof.answers.contains(number);
        self.own.iter().find(answered).map(|(_, made)| *made)
    }

    /// A number of another node was heard for the first time.
    pub(super) fn owe(&mut self, challenge: u64) {
        if self.owed.len() < Proof::MAX_ANSWERS {
            self.owed.insert(challenge, TWICE);
        }
    }

    /// The answers that are due; counts as giving them.
    pub(super) fn answer(&mut self) -> Vec<u64> {
        let answers = self.owed.keys().copied().collect();
        self.owed.retain(|_, left| {
            *left -= 1;
            *left > 0
        });
        answers
    }
}
