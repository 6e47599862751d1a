// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! This node's identity: its name, which of its lives this is, and what to do when another process
//! has the same name.
//!
//! Lives are ordered by their incarnations. The wall clock is only where the first guess comes
//! from: a clock that was put back is mended by the node's own stored record, and by peers that
//! still repeat what an earlier life said.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64, Wall};
use atrion_state::NodeId;

#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) node: NodeId,
    pub(super) incarnation: u64,
    /// When this incarnation began, by the local clock: what `sent_ms` counts from.
    born: Mono,
    /// The number of the last message.
    pub(super) seq: u64,
    /// How often another process was overtaken lately, and when last.
    overtaken: (u32, Mono),
    /// How often the name was given up because another process has it, too.
    pub(super) conflicts: u64,
}

/// Foreign messages in this node's name that come back this often within a minute are no echo of an
/// earlier life.
const CONFLICT: u32 = 3;
const LATELY: Duration = Duration::from_secs(60);

impl Identity {
    pub(super) fn new(node: NodeId, now: Mono, wall: Wall) -> Self {
        let incarnation = wall.as_millis();
        Self { node, incarnation, born: now, seq: 0, overtaken: (0, now), conflicts: 0 }
    }

    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq = self.seq.saturating_add(1);
        self.seq
    }

    pub(super) fn sent_ms(&self, now: Mono) -> u64 {
        u64::try_from(now.since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    /// This life comes after that one.
    pub(super) fn follow(&mut self, other: u64, now: Mono) {
        self.incarnation = self.incarnation.max(other.saturating_add(1));
        (self.born, self.seq) = (now, 0);
    }

    /// Another process spoke in this node's name, as this incarnation. It is overtaken; if it keeps
    /// overtaking in turn, it keeps the name, and this node takes another one.
    pub(super) fn refute(&mut self, other: u64, jitter: &mut SplitMix64, now: Mono) {
        let (times, last) = self.overtaken;
        let times = if now.since(last) > LATELY { 1 } else { times + 1 };
        self.overtaken = (times, now);
        self.follow(other, now);
        if times >= CONFLICT {
            self.conflicts += 1;
            self.overtaken = (0, now);
            self.node = renamed(&self.node, jitter.next_u64());
        }
    }
}

/// The name with four random characters behind it, cut to what a name may have.
fn renamed(node: &NodeId, random: u64) -> NodeId {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let suffix: String =
        (0..4).map(|nth| char::from(LETTERS[(random >> (5 * nth)) as usize % LETTERS.len()])).collect();
    // Names are ASCII.
    let stem: String = node.as_str().chars().take(NodeId::MAX_BYTES - 5).collect();
    NodeId::new(&format!("{stem}-{suffix}")).unwrap_or_else(|_| node.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        Identity::new(NodeId::new(name).unwrap(), Mono::ZERO, Wall::from_millis(1_000))
    }

    #[test]
    fn a_clock_that_was_put_back_is_mended_by_the_record_of_an_earlier_life() {
        let mut me = identity("a");
        me.next_seq();
        me.follow(5_000, Mono::from_nanos(7_000_000));
        assert_eq!((me.incarnation, me.seq, me.sent_ms(Mono::from_nanos(9_000_000))), (5_001, 0, 2));
        me.follow(10, Mono::ZERO);
        assert_eq!(me.incarnation, 5_001);
    }

    #[test]
    fn an_echo_of_the_past_is_overtaken_and_a_living_twin_keeps_the_name() {
        let (mut me, mut jitter) = (identity(&"n".repeat(64)), SplitMix64::new(3));
        let minute = 61_000_000_000;
        for times in 1..=3u64 {
            me.refute(10_000 * times, &mut jitter, Mono::from_nanos(times * minute));
            assert_eq!((me.incarnation, me.conflicts), (10_000 * times + 1, 0), "once a minute");
        }
        me.refute(50_000, &mut jitter, Mono::from_nanos(3 * minute + 1));
        me.refute(60_000, &mut jitter, Mono::from_nanos(3 * minute + 2));
        assert_eq!(me.conflicts, 1);
        assert_eq!(me.node.as_str().len(), 64);
        assert!(me.node.as_str().starts_with(&format!("{}-", "n".repeat(59))), "{}", me.node);
    }
}
