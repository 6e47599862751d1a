// SPDX-License-Identifier: Apache-2.0
//! Who asks for what, and for how long they stay.

use core::fmt;

use atrion_core::Tier;

use super::batch::{Batch, Event, Model, Sequence};
use crate::dice::Dice;

/// A server and its clients.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The server.
    pub model: Model,
    /// The median length of a prompt and of an answer, in tokens, and how far they spread: the
    /// standard deviation of the logarithm.
    pub prompt: (f64, f64),
    /// The same of answers.
    pub output: (f64, f64),
    /// How wrong estimates of an answer's length are: the standard deviation of the logarithm.
    pub error: f64,
    /// What estimates are wrong by in the mean, as a factor.
    pub bias: f64,
    /// The shortest and the longest time that clients wait for the first token, in seconds.
    pub patience: (f64, f64),
    /// How many of those that read leave, per second.
    pub leaving: f64,
    /// How much comes, of what the server can do.
    pub load: f64,
}

/// One request.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Request {
    /// When it comes, in seconds.
    pub at: f64,
    /// How important it is.
    pub tier: Tier,
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of the answer.
    pub output: u32,
    /// The same as a gate is told.
    pub estimate: u32,
    /// For how long its client waits for the first token, in seconds.
    pub patience: f64,
    /// For how long it reads, in seconds.
    pub reads: f64,
    /// Its user.
    pub user: u64,
}

impl Request {
    /// What it is thought to cost, in tokens.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.prompt + self.estimate
    }
}

/// How long the first part of a run is, at ordinary load, and how long the part that counts.
pub(super) const CALM: f64 = 60.0;
pub(super) const CROWDED: f64 = 240.0;
/// The load of the first part.
const ORDINARY: f64 = 0.7;

/// Shares of the tiers.
const TIERS: [(Tier, f64); 3] = [(Tier::Critical, 0.1), (Tier::Normal, 0.6), (Tier::Bulk, 0.3)];

impl Row {
    /// A chat: prompts of some hundred tokens, answers of a hundred with a heavy tail, estimates
    /// that are wrong by two on average, and three times the load.
    #[must_use]
    pub const fn chat() -> Self {
        let model =
            Model { memory: 120_000, batch: 256, chunk: 2_048, step: 0.02, decode: 1e-4, prefill: 3e-5 };
        Self {
            name: "chat",
            model,
            prompt: (400.0, 0.8),
            output: (150.0, 1.2),
            error: 0.7,
            bias: 1.0,
            patience: (5.0, 20.0),
            leaving: 0.01,
            load: 3.0,
        }
    }

    /// All rows: the chat, and what may be different.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let chat = Self::chat();
        let small = Model { memory: 400_000, batch: 32, ..chat.model };
        let wide = Model { memory: 2_000_000, batch: 1_024, ..chat.model };
        vec![
            chat.clone(),
            Self { name: "calm", load: 0.9, ..chat.clone() },
            Self { name: "flood", load: 10.0, ..chat.clone() },
            Self { name: "long-answers", output: (600.0, 1.0), ..chat.clone() },
            Self { name: "long-prompts", prompt: (3_000.0, 0.8), ..chat.clone() },
            Self { name: "blind-estimates", error: 1.4, bias: 0.25, ..chat.clone() },
            Self { name: "hasty-clients", patience: (2.0, 5.0), leaving: 0.05, ..chat.clone() },
            Self { name: "small-batch", model: small, ..chat.clone() },
            Self { name: "wide-batch", model: wide, ..chat },
        ]
    }

    fn draw(&self, dice: &mut Dice, at: f64) -> Request {
        let length = |dice: &mut Dice, (median, sigma): (f64, f64), most: f64| {
            let tokens = median * libm::exp(sigma * dice.normal());
            libm::round(tokens).clamp(1.0, most) as u32
        };
        let pick = dice.unit();
        let mut sum = 0.0;
        let tier = TIERS.iter().find(|(_, share)| {
            sum += share;
            pick < sum
        });
        let prompt = length(dice, self.prompt, 16_000.0);
        let output = length(dice, self.output, 8_000.0);
        let wrong = self.bias * libm::exp(self.error * dice.normal());
        Request {
            at,
            tier: tier.map_or(Tier::Bulk, |(tier, _)| *tier),
            prompt,
            output,
            estimate: libm::round(f64::from(output) * wrong).clamp(1.0, 8_000.0) as u32,
            patience: dice.between(self.patience.0, self.patience.1),
            reads: dice.exponential() / self.leaving,
            user: dice.bits(),
        }
    }

    /// Everything that comes, in order.
    pub(super) fn requests(&self, seed: u64) -> Vec<Request> {
        let capacity = self.capacity();
        let mut dice = Dice::stream(seed, CLIENTS);
        let (mut at, mut requests) = (0.0, Vec::new());
        loop {
            let load = if at < CALM { ORDINARY } else { self.load };
            at += dice.exponential() / (load * capacity);
            if at >= CALM + CROWDED {
                return requests;
            }
            requests.push(self.draw(&mut dice, at));
        }
    }

    /// How many requests a second the server answers that always has enough to do and whose clients
    /// stay.
    fn capacity(&self) -> f64 {
        let (mut dice, mut batch) = (Dice::stream(0, CAPACITY), Batch::new(self.model));
        let (mut now, mut next, mut done) = (0.0, 0, 0.0);
        while now < WARM + MEASURED {
            while batch.load().1 < ENOUGH {
                let request = self.draw(&mut dice, now);
                batch.push(Sequence::new(next, request.prompt, request.output));
                next += 1;
            }
            now += batch.begin().unwrap_or(self.model.step);
            batch.end(|_, event| {
                if event == Event::Done && now >= WARM {
                    done += 1.0;
                }
            });
        }
        done / (now - WARM)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Seconds until the batch is as it stays, and for which it is then measured.
const WARM: f64 = 120.0;
const MEASURED: f64 = 600.0;
/// A queue that never runs dry within a step.
const ENOUGH: usize = 64;

const CLIENTS: u64 = 0x69_6e_66;
const CAPACITY: u64 = 0x63_61_70;
