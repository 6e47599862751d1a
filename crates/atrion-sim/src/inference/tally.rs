// SPDX-License-Identifier: Apache-2.0
//! What counts of a run: the part in which more comes than the server can do.

use atrion_core::Tier;

use super::clients::{CALM, CROWDED, Request};
use super::guarded::SLO;

/// What came of a run, from the moment on at which the load rises.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Outcome {
    /// The share of critical requests whose first token came within two seconds; refused ones are
    /// among those whose did not. 0..=1.
    pub critical: f64,
    /// The same of normal ones.
    pub normal: f64,
    /// The same of bulk.
    pub bulk: f64,
    /// The same of the longest tenth of all requests, by the tokens of prompt and answer.
    pub long: f64,
    /// Tokens a second that reached a client.
    pub tokens: f64,
    /// The share of the server's work that was for clients who had left, or left before the first
    /// token. 0..=1.
    pub waste: f64,
    /// The share that was done once more, because memory ran out. 0..=1.
    pub again: f64,
    /// The mean number of clients that left before their first token, per second.
    pub left: f64,
}

impl Outcome {
    pub(super) fn mean(all: &[Self]) -> Self {
        let count = all.len().max(1) as f64;
        let of = |value: fn(&Self) -> f64| all.iter().map(value).sum::<f64>() / count;
        Self {
            critical: of(|one| one.critical),
            normal: of(|one| one.normal),
            bulk: of(|one| one.bulk),
            long: of(|one| one.long),
            tokens: of(|one| one.tokens),
            waste: of(|one| one.waste),
            again: of(|one| one.again),
            left: of(|one| one.left),
        }
    }
}

/// What is known of one request.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Work in the part that counts, in tokens, each counted once.
    work: u32,
    has_begun: bool,
    has_left: bool,
}

/// The sums of a run.
#[derive(Debug)]
pub(super) struct Tally {
    known: Vec<Known>,
    /// From how many tokens on a request is a long one.
    long: u32,
    /// By class; the last are the long ones of all classes.
    came: [u32; 4],
    in_time: [u32; 4],
    tokens: u32,
    again: u32,
    after: u32,
    left: u32,
}

const fn class(tier: Tier) -> usize {
    match tier {
        Tier::Critical | Tier::High => 0,
        Tier::Normal | Tier::Low => 1,
        Tier::Bulk => 2,
    }
}

const LONG: usize = 3;

fn size(request: &Request) -> u32 {
    request.prompt + request.output
}

fn counts(at: f64) -> bool {
    at >= CALM
}

/// The last ones may have no time left to get a token.
fn is_judged(request: &Request) -> bool {
    counts(request.at) && request.at < CALM + CROWDED - SLO.as_secs_f64()
}

impl Tally {
    pub(super) fn new(requests: &[Request]) -> Self {
        let mut sizes: Vec<u32> = requests.iter().map(size).collect();
        sizes.sort_unstable();
        let long = sizes.get(sizes.len() * 9 / 10).copied().unwrap_or(0);
        let mut came = [0; 4];
        for request in requests.iter().filter(|request| is_judged(request)) {
            came[class(request.tier)] += 1;
            came[LONG] += u32::from(size(request) >= long);
        }
        let known = vec![Known::default(); requests.len()];
        Self { known, long, came, in_time: [0; 4], tokens: 0, again: 0, after: 0, left: 0 }
    }

    pub(super) fn token(&mut self, now: f64, id: usize, request: &Request, is_first: bool) {
        let known = &mut self.known[id];
        if is_first && !known.has_left {
            known.has_begun = true;
            if is_judged(request) && now - request.at <= SLO.as_secs_f64() {
                self.in_time[class(request.tier)] += 1;
                self.in_time[LONG] += u32::from(size(request) >= self.long);
            }
        }
        self.tokens += u32::from(counts(now) && !known.has_left);
    }

    pub(super) fn worked(&mut self, now: f64, id: usize, tokens: u32, again: u32) {
        if counts(now) {
            let known = &mut self.known[id];
            known.work += tokens - again;
            self.again += again;
            if known.has_left && known.has_begun {
                self.after += tokens - again;
            }
        }
    }

    pub(super) fn has_left(&mut self, now: f64, id: usize) {
        let known = &mut self.known[id];
        known.has_left = true;
        self.left += u32::from(counts(now) && !known.has_begun);
    }

    pub(super) fn outcome(&self) -> Outcome {
        let work: u32 = self.known.iter().map(|known| known.work).sum();
        let unseen: u32 = self
            .known
            .iter()
            .filter(|known| known.has_left && !known.has_begun)
            .map(|known| known.work)
            .sum();
        let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
        Outcome {
            critical: share(self.in_time[0], self.came[0]),
            normal: share(self.in_time[1], self.came[1]),
            bulk: share(self.in_time[2], self.came[2]),
            long: share(self.in_time[LONG], self.came[LONG]),
            tokens: f64::from(self.tokens) / CROWDED,
            waste: share(unseen + self.after, work + self.again),
            again: share(self.again, work + self.again),
            left: f64::from(self.left) / CROWDED,
        }
    }
}
