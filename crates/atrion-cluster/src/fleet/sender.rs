// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What is known of one other node as a sender: the order of its messages, its clock, its pace, and
//! what is missing.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};

#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) incarnation: u64,
    /// The highest message of that incarnation that was heard or read; 0 before any.
    pub(super) seq: u64,
    /// The fingerprint of its settings.
    pub(super) cfg: u32,
    /// When it was first heard of, and whether it has a place of its own since.
    pub(super) since: Mono,
    pub(super) known: bool,
    /// The latest of its numbers that was heard. A sender that ever said one always does.
    pub(super) challenge: Option<u64>,
    /// Since when this life is known to live, by an answer of its own.
    proven: Option<Mono>,
    clock: Offset,
    bucket: Bucket,
    missing: Option<Missing>,
}

/// Messages did not arrive. What they said is in the store, or will be within a heartbeat.
#[derive(Debug, Clone, Copy)]
struct Missing {
    /// The record has to be at least this far to hold it.
    upto: u64,
    pull: Mono,
}

/// A gap is read from the store after one to two seconds: the sender writes its parts once a
/// second, and nodes that missed the same message should not all ask at once.
const PULL_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));

impl Sender {
    pub(super) fn new(incarnation: u64, now: Mono) -> Self {
        Self {
            incarnation,
            seq: 0,
            cfg: 0,
            since: now,
            known: false,
            challenge: None,
            proven: None,
            clock: Offset::default(),
            bucket: Bucket::new(now),
            missing: None,
        }
    }

    /// A new life: its numbers and its clock begin anew. Its pace does not.
    pub(super) fn reborn(&mut self, incarnation: u64) {
        (self.incarnation, self.seq, self.clock, self.missing) = (incarnation, 0, Offset::default(), None);
        self.proven = None;
    }

    /// This life answered a number that was made up then.
    pub(super) fn prove(&mut self, since: Mono) {
        self.proven = self.proven.max(Some(since));
    }

    /// Whether this life has answered a number that was made up within this span.
    pub(super) fn is_proven(&self, within: Duration, now: Mono) -> bool {
        self.proven.is_some_and(|since| now.since(since) < within)
    }

    /// Whether the sender may say this much now.
    pub(super) fn may_say(&mut self, bytes: usize, now: Mono) -> bool {
        self.bucket.take(bytes, now)
    }

    /// Takes note of a message's number; a gap before it is to be filled from the store.
    pub(super) fn note(&mut self, seq: u64, jitter: &mut SplitMix64, now: Mono) {
        if seq > self.seq.saturating_add(1) {
            self.miss(seq - 1, jitter, now);
        }
        self.seq = self.seq.max(seq);
    }

    /// How long a message that was sent at `sent_ms` of its sender's clock has been on its way,
    /// beyond the quickest.
    pub(super) fn delay(&mut self, sent_ms: u64, now: Mono) -> Duration {
        self.clock.delay(sent_ms, now)
    }

    pub(super) fn miss(&mut self, upto: u64, jitter: &mut SplitMix64, now: Mono) {
        let pull = now.after(jitter.between(PULL_AFTER.0, PULL_AFTER.1));
        let missing = self.missing.get_or_insert(Missing { upto, pull });
        missing.upto = missing.upto.max(upto);
    }

    /// The record is asked for. Until it has come, and if what comes is not far enough, of an
    /// earlier life, or nothing that can be read, it is asked for again after one to two seconds,
    /// never at once.
    pub(super) fn asked(&mut self, jitter: &mut SplitMix64, now: Mono) {
        if let Some(missing) = &mut self.missing {
            missing.pull = now.after(jitter.between(PULL_AFTER.0, PULL_AFTER.1));
        }
    }

    /// The record was read, up to message `seq`.
    pub(super) fn loaded(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
        self.missing.take_if(|missing| missing.upto <= seq);
    }

    /// There is no record: nothing can be found out.
    pub(super) fn give_up(&mut self) {
        self.missing = None;
    }

    /// The record is ahead of what was heard: it is to be read at once.
    pub(super) fn pull_now(&mut self, upto: u64, now: Mono) {
        self.missing = Some(Missing { upto, pull: now });
    }

    pub(super) fn pull_due(&self) -> Option<Mono> {
        self.missing.map(|missing| missing.pull)
    }
}

/// The difference of two monotonic clocks, as far as it can be known: the least that was seen
/// between a reading of the sender's and the arrival here. The quickest message had about no delay,
/// so what a message is above the least, it was on its way. Two windows, so that clocks that drift
/// are followed.
#[derive(Debug, Clone, Default)]
struct Offset {
    /// In milliseconds, with the end of the window.
    window: Option<(i64, Mono)>,
    before: Option<i64>,
}

const WINDOW: Duration = Duration::from_secs(30);

impl Offset {
    fn delay(&mut self, sent_ms: u64, now: Mono) -> Duration {
        let received = i64::try_from(now.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let offset = received.saturating_sub(i64::try_from(sent_ms).unwrap_or(i64::MAX));
        let (least, end) = match self.window {
            Some((least, end)) if now < end => (least.min(offset), end),
            last => {
                // A window that ended long ago says nothing about now.
                self.before = last.filter(|(_, end)| now.since(*end) < WINDOW).map(|(least, _)| least);
                (offset, now.after(WINDOW))
            }
        };
        self.window = Some((least, end));
        let least = self.before.map_or(least, |before| before.min(least));
        Duration::from_millis(offset.saturating_sub(least).max(0).unsigned_abs())
    }
}

/// Fifty messages and one megabyte a second, two seconds' worth at once.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    messages: f64,
    bytes: f64,
    at: Mono,
}

const MESSAGES: f64 = 50.0;
const BYTES: f64 = 1_048_576.0;
const BURST: f64 = 2.0;

impl Bucket {
    pub(super) fn new(now: Mono) -> Self {
        Self { messages: BURST * MESSAGES, bytes: BURST * BYTES, at: now }
    }

    pub(super) fn take(&mut self, bytes: usize, now: Mono) -> bool {
        let passed = now.seconds_since(self.at);
        self.at = self.at.max(now);
        self.messages = (self.messages + passed * MESSAGES).min(BURST * MESSAGES);
        self.bytes = (self.bytes + passed * BYTES).min(BURST * BYTES);
        let fits = self.messages >= 1.0 && self.bytes >= bytes as f64;
        if fits {
            self.messages -= 1.0;
            self.bytes -= bytes as f64;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_message_that_was_stuck_is_as_old_as_it_is() {
        let mut offset = Offset::default();
        assert_eq!(offset.delay(5_000, at(1_000)), Duration::ZERO);
        assert_eq!(offset.delay(6_000, at(4_000)), Duration::from_secs(2));
        // A quicker one shows that the first had been under way for 100 ms.
        assert_eq!(offset.delay(8_100, at(4_000)), Duration::ZERO);
        assert_eq!(offset.delay(8_100, at(4_250)), Duration::from_millis(250));
    }

    #[test]
    fn the_least_is_remembered_for_one_to_two_windows() {
        let mut offset = Offset::default();
        offset.delay(1_000, at(1_000));
        // The sender's clock runs slow: from here on everything takes 40 ms longer.
        assert_eq!(offset.delay(32_000, at(32_040)), Duration::from_millis(40));
        assert_eq!(offset.delay(61_000, at(61_040)), Duration::from_millis(40));
        assert_eq!(offset.delay(63_000, at(63_040)), Duration::ZERO, "it was the clock and not the way");
    }

    #[test]
    fn extremes_of_a_foreign_clock_do_no_harm() {
        for sent in [0, u64::MAX, 1 << 63] {
            let mut offset = Offset::default();
            offset.delay(sent, at(0));
            offset.delay(0, Mono::from_nanos(u64::MAX));
            offset.delay(u64::MAX, at(1));
        }
    }

    #[test]
    fn a_flood_is_cut_and_a_usual_pace_is_not() {
        let mut sender = Sender::new(1, at(0));
        let flood = (0..1_000).filter(|_| sender.may_say(100, at(0))).count();
        assert_eq!(flood, 100);
        assert!((0..600).all(|tick| sender.may_say(2_000, at(1_000 + 100 * tick))), "ten a second");
        assert!(!sender.may_say(3 << 20, at(90_000)), "no bucket holds so much");
    }

    #[test]
    fn a_gap_is_read_from_the_store_until_the_store_has_it() {
        let (mut sender, mut jitter) = (Sender::new(1, at(0)), SplitMix64::new(1));
        sender.note(1, &mut jitter, at(0));
        sender.note(2, &mut jitter, at(100));
        assert_eq!(sender.pull_due(), None);
        sender.note(5, &mut jitter, at(200));
        let due = sender.pull_due().unwrap();
        assert!((at(1_200)..at(2_200)).contains(&due), "{due:?}");
        sender.note(3, &mut jitter, at(300));
        assert_eq!(sender.pull_due(), Some(due), "reordered, and what it brought cannot be known");
        sender.asked(&mut jitter, due);
        let again = sender.pull_due().unwrap();
        assert!((due.after(PULL_AFTER.0)..due.after(PULL_AFTER.1)).contains(&again), "never at once");
        sender.loaded(3);
        assert_eq!(sender.pull_due(), Some(again), "the record lags");
        sender.loaded(4);
        assert_eq!(sender.pull_due(), None);
        sender.note(6, &mut jitter, at(4_100));
        assert_eq!(sender.pull_due(), None, "5 was heard");
    }

    #[test]
    fn who_is_heard_in_the_middle_of_its_life_is_read_from_the_store() {
        let (mut sender, mut jitter) = (Sender::new(1, at(0)), SplitMix64::new(1));
        sender.note(7, &mut jitter, at(0));
        assert!(sender.pull_due().is_some());
        sender.reborn(2);
        assert_eq!((sender.seq, sender.pull_due()), (0, None));
    }
}
