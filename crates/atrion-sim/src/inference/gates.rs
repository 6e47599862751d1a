// SPDX-License-Identifier: Apache-2.0
//! Gates as they are written by hand before models.

use std::collections::{BTreeMap, VecDeque};

use atrion_core::{Mono, Tier};

use super::clients::Request;
use super::guarded::FULL;

/// What a server tells of itself each tenth of a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Load {
    /// The share of its memory that is used.
    pub memory: f64,
    /// Requests that wait for memory.
    pub queued: usize,
}

/// What was decided: the numbers of requests, and whether they pass.
pub type Verdicts = Vec<(usize, bool)>;

/// A gate before the server.
pub trait Gate {
    /// A request has come.
    fn arrives(&mut self, now: Mono, id: usize, request: &Request, verdicts: &mut Verdicts);

    /// Its first token is there.
    fn first_token(&mut self, now: Mono, id: usize) {
        let _ = (now, id);
    }

    /// It has its whole answer, or its client has left: also one that still waits here.
    fn ends(&mut self, now: Mono, id: usize, is_whole: bool, verdicts: &mut Verdicts);

    /// A tenth of a second is over.
    fn tick(&mut self, now: Mono, load: Load, verdicts: &mut Verdicts) {
        let _ = (now, load, verdicts);
    }
}

/// A static cap, of requests or of estimated tokens; with or without reservations for classes and a
/// queue.
#[derive(Debug)]
pub struct Cap {
    most: f64,
    by_tokens: bool,
    /// A long request passes where a short one would: it has to find room to begin in, not for all
    /// of itself.
    is_level: bool,
    /// What part of the cap a class may fill.
    parts: fn(Tier) -> f64,
    /// For how long a request may wait here, in nanoseconds.
    patience: u64,
    held: f64,
    weights: BTreeMap<usize, f64>,
    queues: BTreeMap<Tier, VecDeque<(usize, u64, f64)>>,
}

impl Cap {
    const fn new(most: u32, by_tokens: bool) -> Self {
        Self {
            most: most as f64,
            by_tokens,
            is_level: false,
            parts: |_| 1.0,
            patience: 0,
            held: 0.0,
            weights: BTreeMap::new(),
            queues: BTreeMap::new(),
        }
    }

    /// So many requests at once.
    #[must_use]
    pub const fn requests(most: u32) -> Self {
        Self::new(most, false)
    }

    /// So many estimated tokens at once.
    #[must_use]
    pub const fn tokens(most: u32) -> Self {
        Self::new(most, true)
    }

    /// The same without a preference for short requests: one passes while less is held than the cap,
    /// however long it is, and may exceed it.
    #[must_use]
    pub fn level(most: u32) -> Self {
        Self { is_level: true, ..Self::tokens(most) }
    }

    /// A cap of tokens, of which normal requests may have nine tenths and bulk three quarters, and what
    /// finds no room waits for a second, the most important first.
    #[must_use]
    pub fn reserved(most: u32) -> Self {
        let parts = |tier| match tier {
            Tier::Critical | Tier::High => 1.0,
            Tier::Normal | Tier::Low => 0.9,
            Tier::Bulk => 0.75,
        };
        Self { parts, patience: 1_000_000_000, ..Self::tokens(most) }
    }

    fn enter(&mut self, id: usize, tier: Tier, weight: f64) -> bool {
        let room = self.most * (self.parts)(tier);
        let fits = if self.is_level { self.held < room } else { self.held + weight <= room };
        // A request that is larger than the cap passes alone.
        let passes = self.held == 0.0 || fits;
        if passes {
            self.held += weight;
            self.weights.insert(id, weight);
        }
        passes
    }

    fn call_up(&mut self, verdicts: &mut Verdicts) {
        for tier in Tier::ALL.into_iter().rev() {
            while let Some((id, _, weight)) = self.queues.get(&tier).and_then(|queue| queue.front().copied())
            {
                if !self.enter(id, tier, weight) {
                    break;
                }
                self.queues.entry(tier).or_default().pop_front();
                verdicts.push((id, true));
            }
        }
    }
}

impl Gate for Cap {
    fn arrives(&mut self, now: Mono, id: usize, request: &Request, verdicts: &mut Verdicts) {
        let weight = if self.by_tokens { f64::from(request.tokens()) } else { 1.0 };
        let is_first = self.queues.get(&request.tier).is_none_or(VecDeque::is_empty);
        let passes = is_first && self.enter(id, request.tier, weight);
        if passes || self.patience == 0 {
            verdicts.push((id, passes));
        } else {
            let until = now.as_nanos() + self.patience;
            self.queues.entry(request.tier).or_default().push_back((id, until, weight));
        }
    }

    fn ends(&mut self, _: Mono, id: usize, _: bool, verdicts: &mut Verdicts) {
        self.queues.values_mut().for_each(|queue| queue.retain(|(one, ..)| *one != id));
        self.held -= self.weights.remove(&id).unwrap_or(0.0);
        self.call_up(verdicts);
    }

    fn tick(&mut self, now: Mono, _: Load, verdicts: &mut Verdicts) {
        for queue in self.queues.values_mut() {
            while let Some((id, ..)) = queue.front().copied().filter(|(_, until, _)| *until <= now.as_nanos())
            {
                queue.pop_front();
                verdicts.push((id, false));
            }
        }
    }
}

/// Priority holdback as inference gateways have it: the server is *saturated* by as much as its
/// memory is used, of four fifths, or its queue is long, of five requests; each class has a ceiling
/// of saturation from which on it is refused.
#[derive(Debug, Default)]
pub struct Holdback(Load);

impl Gate for Holdback {
    fn arrives(&mut self, _: Mono, id: usize, request: &Request, verdicts: &mut Verdicts) {
        let Self(Load { memory, queued }) = self;
        let saturation = (*memory / FULL).max(*queued as f64 / 5.0);
        let ceiling = match request.tier {
            Tier::Critical | Tier::High => f64::INFINITY,
            Tier::Normal | Tier::Low => 1.0,
            Tier::Bulk => 0.8,
        };
        verdicts.push((id, saturation < ceiling));
    }

    fn ends(&mut self, _: Mono, _: usize, _: bool, _: &mut Verdicts) {}

    fn tick(&mut self, _: Mono, load: Load, _: &mut Verdicts) {
        self.0 = load;
    }
}
