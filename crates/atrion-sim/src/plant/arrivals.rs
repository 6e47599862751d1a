// SPDX-License-Identifier: Apache-2.0
//! Which requests come when, and what they will cost: drawn from the seed alone, the same for every
//! policy.

use atrion_core::Tier;

use super::nanos;
use crate::dice::Dice;
use crate::scenario::{Plan, Scenario, Shape};

/// One request as the world made it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Arrival {
    /// When, in nanoseconds.
    pub at: u64,
    /// How important it is.
    pub tier: Tier,
    /// The request that arrives.
    pub user: u32,
    /// Which of the plant's routes it is for.
    pub route: u32,
    /// Its work, in units of the mean.
    pub size: f64,
    /// For how long its client waits, in nanoseconds.
    pub patience: u64,
    /// Its own randomness, for everything that may happen to it.
    pub luck: u64,
}

/// The stream of arrivals of a scenario.
#[derive(Debug)]
pub struct Arrivals<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    dice: Dice,
    /// Seconds.
    clock: f64,
    /// Requests that still come at the same moment.
    batch: u32,
    nth: usize,
    /// On a lattice: how many beats there have been, and the part of a request that none has
    /// brought yet.
    beats: f64,
    owed: f64,
}

impl<'a> Arrivals<'a> {
    /// The stream for a seed.
    #[must_use]
    pub fn new(scenario: &'a Scenario, plan: &'a Plan, seed: u64) -> Self {
        Self {
            plan,
            scenario,
            dice: Dice::stream(seed, 1),
            clock: 0.0,
            batch: 0,
            nth: 0,
            beats: 0.0,
            owed: 0.0,
        }
    }

    /// A non-homogeneous Poisson process by pieces in which the rate is as good as constant.
    fn advance(&mut self) -> Option<()> {
        let mut hazard = self.dice.exponential();
        let burst = self.scenario.load.burst;
        loop {
            if self.clock >= self.scenario.seconds {
                return None;
            }
            let rate = self.plan.rate(self.clock) / burst;
            let piece = PIECE.min(self.plan.next_jump(self.clock) - self.clock).max(1e-9);
            if rate * piece > hazard {
                self.clock += hazard / rate;
                break;
            }
            hazard -= rate * piece;
            self.clock += piece;
        }
        if burst > 1.0 {
            // Geometric with this mean.
            let stop = 1.0 / burst;
            let extra = libm::log(1.0 - self.dice.unit()) / libm::log(1.0 - stop);
            self.batch = extra.clamp(0.0, 1e6) as u32;
        }
        Some(())
    }

    /// The next beat that brings anything: all requests of the time since the last one.
    fn beat(&mut self, every: f64) -> Option<()> {
        loop {
            // The rate that the beat ends, not the one that begins with it.
            self.owed += every * self.plan.rate(self.clock);
            self.beats += 1.0;
            self.clock = self.beats * every;
            if self.clock >= self.scenario.seconds {
                return None;
            }
            let count = self.owed.floor();
            if count >= 1.0 {
                self.owed -= count;
                self.batch = count as u32 - 1;
                return Some(());
            }
        }
    }

    fn replay(&mut self) -> Option<()> {
        self.clock = *self.scenario.load.recorded.get(self.nth)?;
        self.nth += 1;
        (self.clock < self.scenario.seconds).then_some(())
    }

    fn draw(&mut self) -> Arrival {
        let tiers = self.plan.at(self.clock).tiers;
        let drawn = Tier::ALL[pick(&tiers, self.dice.unit())];
        let recorded = self.nth.checked_sub(1).and_then(|nth| self.scenario.load.recorded_tiers.get(nth));
        let tier = recorded.copied().unwrap_or(drawn);
        let users = self.scenario.load.users;
        let few = (users / 10).max(1);
        let user =
            if self.dice.hits(0.5) { self.dice.index(few as usize) } else { self.dice.index(users as usize) };
        let size = size(self.scenario.plant.shape, &mut self.dice);
        let luck = self.dice.bits();
        let (route, work) = self.route(luck);
        let plant = &self.scenario.plant;
        let hurry = if plant.haste > 0.0 { plant.haste * Dice::stream(luck, HASTE).unit() } else { 0.0 };
        let patience = nanos(plant.deadline * (1.0 - hurry));
        let (at, user, size) = ((self.clock * 1e9) as u64, user as u32, size * work);
        Arrival { at, tier, user, route, size, patience, luck }
    }
}

impl Arrivals<'_> {
    /// A route, and its work against the mean. By a stream of its own: the same requests come
    /// whatever routes they are spread over.
    fn route(&self, luck: u64) -> (u32, f64) {
        let routes = &self.scenario.route;
        if routes.is_empty() {
            return (0, 1.0);
        }
        let shares: f64 = routes.iter().map(|route| route.share).sum();
        let work: f64 = routes.iter().map(|route| route.share * route.work).sum();
        let mut left = Dice::stream(luck, ROUTE).unit() * shares;
        let nth = routes.iter().position(|route| {
            left -= route.share;
            left < 0.0
        });
        let nth = nth.unwrap_or(routes.len() - 1);
        (nth as u32, routes[nth].work * shares / work)
    }
}

/// The stream of an arrival's luck that its client's patience comes from.
const HASTE: u64 = 0x68_6173_7465;
/// The stream of an arrival's luck that chooses its route.
const ROUTE: u64 = 0x726f_7574;

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        if self.batch > 0 {
            self.batch -= 1;
        } else if let Some(every) = self.scenario.load.lattice {
            self.beat(every)?;
        } else if self.scenario.load.recorded.is_empty() {
            self.advance()?;
        } else {
            self.replay()?;
        }
        Some(self.draw())
    }
}

fn pick(shares: &[f64; 5], at: f64) -> usize {
    let mut left = at * shares.iter().sum::<f64>();
    for (index, share) in shares.iter().enumerate() {
        if left < *share {
            return index;
        }
        left -= share;
    }
    // Rounding can leave a crumb: it belongs to the last tier that has a share.
    shares.iter().rposition(|share| *share > 0.0).unwrap_or(0)
}

/// A size with mean 1.
fn size(shape: Shape, dice: &mut Dice) -> f64 {
    match shape {
        Shape::Constant => 1.0,
        Shape::Even => dice.between(0.5, 1.5),
        Shape::Exponential => dice.exponential(),
        Shape::Lognormal(sd) => libm::exp(sd * dice.normal() - 0.5 * sd * sd),
        Shape::Pareto(exponent) => {
            let least = (exponent - 1.0) / exponent;
            // Cut at a thousand means, or one call would outlast the scenario.
            (least * libm::exp(dice.exponential() / exponent)).min(1000.0)
        }
        Shape::TwoKinds(share) => {
            let least = 1.0 / (1.0 + 9.0 * share);
            if dice.hits(share) { 10.0 * least } else { least }
        }
    }
}

/// Within this time, in seconds, no rate changes by much.
const PIECE: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_mean_one() {
        let mut dice = Dice::new(3);
        for shape in [
            Shape::Constant,
            Shape::Even,
            Shape::Exponential,
            Shape::Lognormal(0.8),
            Shape::Pareto(3.0),
            Shape::TwoKinds(0.1),
        ] {
            let n = 200_000;
            let mean = (0..n).map(|_| size(shape, &mut dice)).sum::<f64>() / f64::from(n);
            assert!((mean - 1.0).abs() < 0.02, "{shape:?}: {mean}");
        }
    }
}
