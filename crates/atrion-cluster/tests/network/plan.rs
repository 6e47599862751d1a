// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What goes wrong in one run: plain data that prints and parses, so that a run can be repeated and
//! made smaller.

use std::fmt;
use std::str::FromStr;

use atrion_core::SplitMix64;

pub const NODES: u64 = 5;
/// Faults happen within this time, in milliseconds; then it is quiet.
pub const STORM_MS: u64 = 30_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// How many of a thousand messages on their way to one node are lost,
    pub loss: u64,
    /// arrive twice,
    pub twice: u64,
    /// or are stuck for up to two seconds.
    pub stuck: u64,
    /// The longest way of a message, in milliseconds.
    pub delay: u64,
    /// The largest drift of a node's clock, in millionths.
    pub drift: u64,
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The node cannot reach the store for `lasts` milliseconds.
    Cut { node: u64, at: u64, lasts: u64 },
    /// The process dies and begins anew, its wall clock put back or ahead by `skew` seconds.
    Restart { node: u64, at: u64, skew: i64 },
    /// The process dies without a word and comes back after `lasts` milliseconds.
    Crash { node: u64, at: u64, lasts: u64 },
    /// The store forgets everything.
    Flush { at: u64 },
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut sometimes = |most: u64| if random.below(3) == 0 { 0 } else { random.below(most) };
        let [loss, twice, stuck] = [sometimes(400), sometimes(300), sometimes(100)];
        let [delay, drift] = [sometimes(500), sometimes(200)];
        let faults = (0..random.below(6)).map(|_| Fault::draw(&mut random)).collect();
        Self { seed, loss, twice, stuck, delay, drift, faults }
    }

    /// Every plan with one thing less that goes wrong.
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.faults.len() {
            let mut fewer = self.clone();
            fewer.faults.remove(at);
            all.push(fewer);
        }
        let rates: [fn(&mut Self) -> &mut u64; 5] = [
            |plan| &mut plan.loss,
            |plan| &mut plan.twice,
            |plan| &mut plan.stuck,
            |plan| &mut plan.delay,
            |plan| &mut plan.drift,
        ];
        for rate in rates {
            let mut calmer = self.clone();
            if std::mem::take(rate(&mut calmer)) > 0 {
                all.push(calmer);
            }
        }
        all
    }
}

impl Fault {
    fn draw(random: &mut SplitMix64) -> Self {
        let (node, at) = (random.below(NODES), random.below(STORM_MS));
        let lasts = 200 + random.below(14_000);
        match random.below(8) {
            0..=2 => Self::Cut { node, at, lasts },
            3 | 4 => Self::Restart { node, at, skew: random.below(3_000) as i64 - 1_500 },
            5 | 6 => Self::Crash { node, at, lasts },
            _ => Self::Flush { at },
        }
    }

    pub fn at(&self) -> u64 {
        match *self {
            Self::Cut { at, .. } | Self::Restart { at, .. } | Self::Crash { at, .. } | Self::Flush { at } => {
                at
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, loss, twice, stuck, delay, drift, faults } = self;
        write!(f, "{seed}: loss {loss} twice {twice} stuck {stuck} delay {delay} drift {drift}")?;
        for fault in faults {
            match fault {
                Fault::Cut { node, at, lasts } => write!(f, "; cut {node} {at} {lasts}")?,
                Fault::Restart { node, at, skew } => write!(f, "; restart {node} {at} {skew}")?,
                Fault::Crash { node, at, lasts } => write!(f, "; crash {node} {at} {lasts}")?,
                Fault::Flush { at } => write!(f, "; flush {at}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (seed, rest) = text.split_once(':').ok_or("a plan begins with its seed and a colon")?;
        let number = |word: &str| word.parse::<i64>().map_err(|_| format!("{word:?} is no number"));
        let positive = |word: &str| word.parse::<u64>().map_err(|_| format!("{word:?} is no number"));
        let mut parts = rest.split(';');
        let rates: Vec<_> = parts.next().unwrap_or_default().split_whitespace().collect();
        let [_, loss, _, twice, _, stuck, _, delay, _, drift] = rates[..] else {
            return Err(format!("{rates:?} are not the five rates"));
        };
        let mut faults = Vec::new();
        for part in parts {
            let words: Vec<_> = part.split_whitespace().collect();
            faults.push(match words[..] {
                ["cut", node, at, lasts] => {
                    Fault::Cut { node: positive(node)?, at: positive(at)?, lasts: positive(lasts)? }
                }
                ["restart", node, at, skew] => {
                    Fault::Restart { node: positive(node)?, at: positive(at)?, skew: number(skew)? }
                }
                ["crash", node, at, lasts] => {
                    Fault::Crash { node: positive(node)?, at: positive(at)?, lasts: positive(lasts)? }
                }
                ["flush", at] => Fault::Flush { at: positive(at)? },
                _ => return Err(format!("{part:?} is no fault")),
            });
        }
        let [loss, twice, stuck] = [positive(loss)?, positive(twice)?, positive(stuck)?];
        let (delay, drift) = (positive(delay)?, positive(drift)?);
        Ok(Self { seed: positive(seed.trim())?, loss, twice, stuck, delay, drift, faults })
    }
}

#[test]
fn every_plan_survives_its_text() {
    for seed in 0..2_000 {
        let plan = Plan::of(seed);
        assert_eq!(plan.to_string().parse(), Ok(plan));
    }
}
