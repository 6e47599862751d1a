// SPDX-License-Identifier: Apache-2.0
//! What is counted of a life, and what comes out: which nodes braked when, what was refused in
//! vain, what failed for want of a brake, how long it took to be well again.

use atrion_core::{Mode, Mono, SplitMix64, Tier};
use atrion_engine::RouteSnapshot;
use serde::Serialize;

use super::node::Class;
use super::trouble::Fate;
use super::{Fleet, LEARNING, TROUBLE};

/// What a life came to. Shares are 0..=1; `None` where there is nothing to be a share or a mean of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Outcome {
    /// How the busy nodes braked that the trouble struck.
    pub busy: Option<Braking>,
    /// How the slow nodes braked that the trouble struck.
    pub slow: Option<Braking>,
    /// False alarm: the share of requests that were refused at nodes that were well.
    pub false_sheds: Option<f64>,
    /// The same of normal, high and critical requests.
    pub false_important: Option<f64>,
    /// The most that the fleet added to the resistance of a node that was well, in ohms.
    pub false_ohms: Option<f64>,
    /// Victims: the share of high and critical requests that were refused and would have been
    /// answered, at all nodes, from the beginning of the trouble on.
    pub victims: Option<f64>,
    /// Mean seconds from the end of the trouble until a node that it struck refuses nothing for it.
    pub recovery: f64,
    /// The same of the node that took longest.
    pub recovery_worst: f64,
    /// Requests in all.
    pub requests: u64,
    /// How often a node looked at the registers of its peers.
    pub looks: u64,
    /// A number of every decision and every resistance: two lives with the same are the same.
    #[serde(skip)]
    pub digest: u64,
}

/// Means over the nodes of a class. A node brakes when it refuses a request because of failures of
/// its own or of its peers: from 14 ohms at rest on, or with an open breaker. One that never does
/// counts as braking at the end of the trouble.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Braking {
    /// Seconds from the beginning of the trouble until it braked.
    pub seconds: f64,
    /// Calls that it had let through by then and that failed, sooner or later.
    pub failed_before: f64,
    /// All calls that it let through and that failed.
    pub failed: f64,
    /// The share of nodes that braked before they had let such a call through.
    pub warned: f64,
    /// The share of nodes that never braked.
    pub never: f64,
}

/// Counts of one life.
pub(super) struct Tally {
    nodes: Vec<Counts>,
    requests: u64,
    digest: u64,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    struck: bool,
    /// Seconds since the beginning of the trouble.
    braked: Option<f64>,
    failed_before: u32,
    failed: u32,
    /// The last moment at which the rest refused any tier, in seconds since the end of the trouble.
    raised: f64,
    /// The most that the fleet has added.
    added: f64,
    offered: Requests,
    refused: Requests,
    good_refused: Requests,
    good: Requests,
}

/// From the beginning of the trouble on.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    all: u32,
    ordinary: u32,
    important: u32,
}

impl Requests {
    fn count(&mut self, tier: Tier) {
        self.all += 1;
        self.ordinary += u32::from(tier >= Tier::Normal);
        self.important += u32::from(tier >= Tier::High);
    }
}

impl Tally {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let counts = |node| Counts { struck: fleet.trouble.strikes(node), ..Counts::default() };
        Self { nodes: (0..fleet.nodes).map(counts).collect(), requests: 0, digest: 0 }
    }

    pub(super) fn decided(&mut self, node: usize, tier: Tier, fate: Fate, passed: bool, now: Mono) {
        self.requests += 1;
        self.note(now.as_nanos() << 1 | u64::from(passed));
        let counts = &mut self.nodes[node];
        if seconds(now) < LEARNING {
            return;
        }
        let good = fate == Fate::Answered;
        counts.offered.count(tier);
        if good {
            counts.good.count(tier);
        } else if passed {
            counts.failed += 1;
            counts.failed_before += u32::from(counts.braked.is_none());
        }
        if !passed {
            counts.refused.count(tier);
            if good {
                counts.good_refused.count(tier);
            }
        }
    }

    /// After every pulse of a node.
    pub(super) fn looked(&mut self, node: usize, route: &RouteSnapshot, now: Mono) {
        self.note(route.resistance.get().to_bits());
        let since = seconds(now) - LEARNING;
        if since < 0.0 {
            return;
        }
        let counts = &mut self.nodes[node];
        let rest = route.terms.resistance().get() - route.terms.saturation.get();
        counts.added = counts.added.max(route.terms.cluster);
        if rest < IN_THE_WAY && route.mode != Mode::CircuitBreaker {
            return;
        }
        if since >= TROUBLE {
            counts.raised = since - TROUBLE;
        } else if counts.braked.is_none() {
            counts.braked = Some(since);
        }
    }

    fn note(&mut self, word: u64) {
        self.digest = SplitMix64::new(self.digest ^ word).next_u64();
    }

    pub(super) fn outcome(&self, looks: u64) -> Outcome {
        let struck = || self.nodes.iter().filter(|counts| counts.struck);
        let well = || self.nodes.iter().filter(|counts| !counts.struck);
        let of = |class| {
            let nodes = self.nodes.iter().enumerate();
            Braking::of(nodes.filter(|(node, _)| Class::of(*node) == class).map(|(_, counts)| counts))
        };
        let most = well().map(|counts| counts.added).reduce(f64::max);
        let raised = || struck().map(|counts| counts.raised);
        Outcome {
            busy: of(Class::Busy),
            slow: of(Class::Slow),
            false_sheds: share(well(), |counts| (counts.refused.all, counts.offered.all)),
            false_important: share(well(), |counts| (counts.refused.ordinary, counts.offered.ordinary)),
            false_ohms: most,
            victims: share(self.nodes.iter(), |counts| {
                (counts.good_refused.important, counts.good.important)
            }),
            recovery: raised().sum::<f64>() / struck().count() as f64,
            recovery_worst: raised().fold(0.0, f64::max),
            requests: self.requests,
            looks,
            digest: self.digest,
        }
    }
}

impl Braking {
    fn of<'a>(nodes: impl Iterator<Item = &'a Counts>) -> Option<Self> {
        let nodes: Vec<_> = nodes.filter(|counts| counts.struck).collect();
        if nodes.is_empty() {
            return None;
        }
        let mean = |of: &dyn Fn(&Counts) -> f64| {
            nodes.iter().map(|counts| of(counts)).sum::<f64>() / nodes.len() as f64
        };
        Some(Self {
            seconds: mean(&|counts| counts.braked.unwrap_or(TROUBLE)),
            failed_before: mean(&|counts| counts.failed_before.into()),
            failed: mean(&|counts| counts.failed.into()),
            warned: mean(&|counts| f64::from(counts.braked.is_some() && counts.failed_before == 0)),
            never: mean(&|counts| f64::from(counts.braked.is_none())),
        })
    }
}

fn share<'a>(nodes: impl Iterator<Item = &'a Counts>, of: impl Fn(&Counts) -> (u32, u32)) -> Option<f64> {
    let (part, whole) = nodes
        .map(of)
        .fold((0u64, 0u64), |(part, whole), (one, all)| (part + u64::from(one), whole + u64::from(all)));
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn seconds(now: Mono) -> f64 {
    now.seconds_since(Mono::ZERO)
}

/// The bottom of the ladder: every request passes below.
const IN_THE_WAY: f64 = 14.0;
