// SPDX-License-Identifier: Apache-2.0
//! What happened, bin by bin.

use atrion_core::Tier;

use super::latency::Histogram;
use crate::plant::Arrival;
use crate::scenario::{Plan, Scenario};

/// What happened in one bin of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Bin {
    /// Requests as the world made them, by tier; a client's second attempt is not another request.
    pub offered: [u32; 5],
    /// Requests that were answered in time, by tier.
    pub succeeded: [u32; 5],
    /// Attempts that were refused, by tier.
    pub refused: [u32; 5],
    /// Attempts at the gate.
    pub attempts: u32,
    /// Attempts that were let through.
    pub passed: u32,
    /// Calls that failed.
    pub failed: u32,
    /// Answers that came after the deadline, or not before the client left.
    pub late: u32,
}

impl Bin {
    /// Requests of all tiers.
    #[must_use]
    pub fn offers(&self) -> u32 {
        self.offered.iter().sum()
    }

    /// Answers in time of all tiers.
    #[must_use]
    pub fn successes(&self) -> u32 {
        self.succeeded.iter().sum()
    }

    /// Calls that came to an end.
    #[must_use]
    pub fn ended(&self) -> u32 {
        self.successes() + self.failed + self.late
    }
}

/// Everything that was counted in one run.
#[derive(Debug, Clone)]
pub struct Record {
    bins: Vec<Bin>,
    width: u64,
    first: usize,
    pub(crate) plan: Plan,
    pub(crate) deadline: f64,
    /// How long answered calls waited for a worker.
    pub(crate) waits: Histogram,
    /// Requests and answers of each user.
    pub(crate) users: Vec<(u32, u32)>,
    /// Requests and answers of routes that are well while another one is in trouble.
    pub(crate) spared: (u32, u32),
    /// When a route is in trouble, in nanoseconds, and which ones never are.
    trouble: (u64, u64),
    is_well: Vec<bool>,
    /// Events of the simulation.
    pub events: u64,
}

impl Record {
    pub(crate) fn new(scenario: &Scenario, plan: &Plan) -> Self {
        let count = (scenario.seconds / scenario.bin) as usize;
        Self {
            bins: vec![Bin::default(); count.max(1)],
            width: (scenario.bin * 1e9) as u64,
            first: (scenario.scored_from / scenario.bin) as usize,
            plan: plan.clone(),
            deadline: scenario.plant.deadline,
            waits: Histogram::default(),
            users: vec![(0, 0); scenario.load.users as usize],
            spared: (0, 0),
            trouble: span_of_trouble(scenario),
            is_well: scenario.route.iter().map(|route| route.trouble.is_none()).collect(),
            events: 0,
        }
    }

    #[inline]
    fn at(&mut self, now: u64) -> Option<&mut Bin> {
        self.bins.get_mut((now / self.width) as usize)
    }

    fn is_scored(&self, now: u64) -> bool {
        (now / self.width) as usize >= self.first
    }

    fn is_spared(&self, arrival: &Arrival) -> bool {
        let (from, until) = self.trouble;
        (from..until).contains(&arrival.at) && self.is_well.get(arrival.route as usize) == Some(&true)
    }

    pub(crate) fn offered(&mut self, now: u64, arrival: &Arrival) {
        self.spared.0 += u32::from(self.is_spared(arrival));
        if self.is_scored(now) {
            self.users[arrival.user as usize].0 += 1;
        }
        if let Some(bin) = self.at(now) {
            bin.offered[tier(arrival.tier)] += 1;
        }
    }

    pub(crate) fn attempted(&mut self, now: u64, of: Tier, passes: bool) {
        if let Some(bin) = self.at(now) {
            bin.refused[tier(of)] += u32::from(!passes);
            bin.attempts += 1;
            bin.passed += u32::from(passes);
        }
    }

    pub(crate) fn ended(&mut self, now: u64, arrival: &Arrival, failed: bool, in_time: bool, wait: u64) {
        let scored = self.is_scored(now);
        self.spared.1 += u32::from(!failed && in_time && self.is_spared(arrival));
        if let Some(bin) = self.at(now) {
            if failed {
                bin.failed += 1;
            } else if in_time {
                bin.succeeded[tier(arrival.tier)] += 1;
                if scored {
                    self.waits.add(wait as f64 * 1e-9);
                    self.users[arrival.user as usize].1 += 1;
                }
            } else {
                bin.late += 1;
            }
        }
    }

    /// The bins that count, in order.
    pub fn scored(&self) -> impl Iterator<Item = &Bin> {
        self.bins.iter().skip(self.first)
    }

    /// All bins, in order.
    #[must_use]
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Width of a bin in seconds.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.width as f64 * 1e-9
    }

    /// The number of the first bin that counts.
    #[must_use]
    pub fn first_scored(&self) -> usize {
        self.first
    }
}

/// From the beginning of the first trouble of a route to the end of the last one.
fn span_of_trouble(scenario: &Scenario) -> (u64, u64) {
    let troubles = || scenario.route.iter().filter_map(|route| route.trouble);
    let from = troubles().map(|trouble| trouble.from).fold(f64::INFINITY, f64::min);
    let until = troubles().map(|trouble| trouble.until.min(scenario.seconds)).fold(0.0, f64::max);
    ((from * 1e9) as u64, (until * 1e9) as u64)
}

#[inline]
pub(crate) fn tier(tier: Tier) -> usize {
    match tier {
        Tier::Critical => 0,
        Tier::High => 1,
        Tier::Normal => 2,
        Tier::Low => 3,
        Tier::Bulk => 4,
    }
}
