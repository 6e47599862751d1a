// SPDX-License-Identifier: Apache-2.0
//! The pulse's side of the spans that calls start in (`live/ages.rs`): when a new one begins, and
//! when an old one is overtaken.

use std::time::Duration;

use atrion_core::Mono;
use atrion_core::adaptive::{Span, stuck};

use crate::live::{Live, SPANS, TIERS};

/// The spans as of the last tick.
#[derive(Debug, Default)]
pub(super) struct Ages {
    newest: usize,
    /// The oldest that is not overtaken.
    oldest: usize,
    /// The first whose calls are not stuck. Where something was answered, the same.
    stuck_until: usize,
    begins: [u64; SPANS],
    /// Calls that were let in before each span, since the route was made. Wraps.
    came: [[u32; TIERS]; SPANS],
    /// What of each span's counts was moved to the overtaken.
    moved: [[u32; TIERS]; SPANS],
}

impl Ages {
    /// Opens a span where it is time to. Where calls were `answered` in this window, moves those
    /// that started more than `patience` ago to the overtaken, and says how many those are, and how
    /// many had started beside them and have ended. `admitted` is how many were let in so far.
    /// `looks_together` says to look for calls that are stuck together.
    ///
    /// Where nothing is answered no call is overtaken: then it is unknown which call waits for
    /// what.
    pub(super) fn step(
        &mut self,
        live: &Live,
        now: Mono,
        patience: Option<Duration>,
        answered: bool,
        admitted: &[u32; TIERS],
        looks_together: bool,
    ) -> ([u32; TIERS], [u32; TIERS]) {
        let now = now.as_nanos();
        // A call of this very instant has counted in the span before.
        let next_instant = now.saturating_add(1);
        if next_instant < self.begins[self.newest] {
            self.begin_anew(live);
            self.came = [*admitted; SPANS];
        }
        let Some(patience) = patience else { return Default::default() };
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let by_age = self.old_until(now, patience);
        let together = if looks_together { self.stuck(live, now, patience, admitted) } else { (0, 0) };
        let until = self.later(by_age, together.1);
        self.stuck_until = if answered { until } else { self.later(by_age, together.0) };
        let (mut moved, mut settled) = ([0u32; TIERS], [0u32; TIERS]);
        if answered && self.oldest != until {
            let first = self.oldest;
            self.oldest = until;
            // First, so that a call which ends from now on is taken off the overtaken.
            live.set_overtaken_before(self.begins[self.oldest]);
            let mut place = first;
            while place != self.oldest {
                let of_span = self.collect(live, place);
                let (came, next) = (self.came[place], self.came[after(place)]);
                for tier in 0..TIERS {
                    let ended = next[tier].wrapping_sub(came[tier]).wrapping_sub(of_span[tier]);
                    moved[tier] = moved[tier].wrapping_add(of_span[tier]);
                    settled[tier] = settled[tier].wrapping_add(ended);
                }
                place = after(place);
            }
        }
        if next_instant - self.begins[self.newest] >= patience / WIDTHS {
            let next = after(self.newest);
            if next == self.oldest {
                self.join_the_oldest(live);
            }
            // What was still on its way when the span was moved.
            self.collect(live, next);
            self.begins[next] = next_instant;
            self.came[next] = *admitted;
            self.newest = next;
            live.open_span(next, next_instant);
        }
        (moved.map(whole), settled.map(whole))
    }

    /// Makes one span of the two oldest. While nothing is answered calls of any age can be in flight,
    /// and those that come must not count as old as they are, nor these as young as those.
    fn join_the_oldest(&mut self, live: &Live) {
        let (first, second) = (self.oldest, after(self.oldest));
        let standing = self.young(live, first);
        for (tier, standing) in standing.into_iter().enumerate() {
            self.moved[first][tier] = self.moved[first][tier].wrapping_add(standing);
            self.moved[second][tier] = self.moved[second][tier].wrapping_sub(standing);
        }
        self.begins[second] = self.begins[first];
        self.came[second] = self.came[first];
        live.set_begin(second, self.begins[second]);
        self.oldest = second;
        if self.stuck_until == first {
            self.stuck_until = second;
        }
    }

    /// The first span of which not all calls are older than the patience.
    fn old_until(&self, now: u64, patience: u64) -> usize {
        let mut place = self.oldest;
        while place != self.newest && self.begins[after(place)].saturating_add(patience) <= now {
            place = after(place);
        }
        place
    }

    /// The later of a place and of the one that is so many after the oldest.
    fn later(&self, place: usize, spans: usize) -> usize {
        let is_later = spans > (place + SPANS - self.oldest) % SPANS;
        if is_later { (self.oldest + spans) % SPANS } else { place }
    }

    /// How many of the oldest spans are stuck together, and how many of those are overtaken.
    fn stuck(&self, live: &Live, now: u64, patience: u64, admitted: &[u32; TIERS]) -> (usize, usize) {
        let age = |begin: u64| now.saturating_sub(begin) as f64 / patience.max(1) as f64;
        let (mut spans, mut count, mut place) = ([Span::default(); SPANS], 0, self.oldest);
        for span in &mut spans {
            let is_newest = place == self.newest;
            let next = if is_newest { admitted } else { &self.came[after(place)] };
            *span = Span {
                began: sum(std::array::from_fn(|tier| next[tier].wrapping_sub(self.came[place][tier]))),
                standing: sum(self.young(live, place)),
                first: age(self.begins[place]),
                last: if is_newest { 0.0 } else { age(self.begins[after(place)]) },
            };
            count += 1;
            if is_newest {
                break;
            }
            place = after(place);
        }
        stuck(&spans[..count])
    }

    /// The calls in flight that are not overtaken, by tier, and those of them that are old enough to
    /// be.
    pub(super) fn count(&self, live: &Live) -> ([u32; TIERS], [u32; TIERS]) {
        let (mut young, mut stuck) = ([0u32; TIERS], [0u32; TIERS]);
        let mut place = self.oldest;
        let mut is_stuck = place != self.stuck_until;
        loop {
            for (tier, calls) in self.young(live, place).into_iter().enumerate() {
                young[tier] = young[tier].wrapping_add(calls);
                stuck[tier] = stuck[tier].wrapping_add(if is_stuck { calls } else { 0 });
            }
            if place == self.newest {
                break;
            }
            place = after(place);
            is_stuck &= place != self.stuck_until;
        }
        (young.map(whole), stuck.map(whole))
    }

    /// Moves what is left of a span to the overtaken.
    fn collect(&mut self, live: &Live, place: usize) -> [u32; TIERS] {
        let left = self.young(live, place);
        for (moved, left) in self.moved[place].iter_mut().zip(left) {
            *moved = moved.wrapping_add(left);
        }
        live.move_to_overtaken(left.map(|count| i64::from(count as i32)));
        left
    }

    fn young(&self, live: &Live, place: usize) -> [u32; TIERS] {
        let mut counts = live.read_span(place);
        counts
            .iter_mut()
            .zip(self.moved[place])
            .for_each(|(count, moved)| *count = count.wrapping_sub(moved));
        counts
    }

    /// The clock has gone back behind the newest span: all that is in flight starts now, as far as
    /// is known, and nothing is overtaken.
    fn begin_anew(&mut self, live: &Live) {
        let mut all = live.overtaken_by_tier();
        live.move_to_overtaken(all.map(|count| -count));
        for place in 0..SPANS {
            if place != self.newest {
                for (sum, left) in all.iter_mut().zip(self.young(live, place)) {
                    *sum += i64::from(left as i32);
                }
                self.moved[place] = live.read_span(place);
            }
        }
        for (moved, by) in self.moved[self.newest].iter_mut().zip(all) {
            *moved = moved.wrapping_sub(by as u32);
        }
        (self.oldest, self.stuck_until) = (self.newest, self.newest);
        self.begins = [0; SPANS];
        live.set_overtaken_before(0);
        live.open_span(self.newest, 0);
    }
}

/// Calls of all tiers.
fn sum(by_tier: [u32; TIERS]) -> u32 {
    by_tier.into_iter().map(whole).fold(0, u32::saturating_add)
}

/// A count that wraps. Negative is the error of an instant.
fn whole(calls: u32) -> u32 {
    (calls as i32).max(0) as u32
}

const fn after(place: usize) -> usize {
    (place + 1) % SPANS
}

/// A span is this part of the patience, so that the ring reaches further back than the patience.
const WIDTHS: u64 = 4;
