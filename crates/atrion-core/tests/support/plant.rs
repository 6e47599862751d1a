// SPDX-License-Identifier: Apache-2.0
//! A closed loop in miniature: clients without patience limits, one gated route, a
//! first-come-first-served pool of workers behind it. Time jumps from event to event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Mono, Priority, Spread, Tier};

use super::dice::Dice;
use super::route::{Call, Route};

/// How service times spread around their mean.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Between a half and one and a half means.
    Even,
    /// Memoryless.
    Exponential,
    /// One call in ten takes most of the time: 0.1 means for most, 9.1 means for the rest.
    TwoKinds,
}

/// The service behind the gate; it may be changed between two runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plant {
    pub(crate) workers: usize,
    /// Mean service time in seconds.
    pub(crate) service: f64,
    pub(crate) shape: Shape,
    /// Calls that fail although they were served, independently of the load.
    pub(crate) error_ratio: f64,
    /// Waiting places; a call that finds none fails at once.
    pub(crate) waiting: usize,
    /// Calls that start now never come back by themselves.
    pub(crate) hung: bool,
}

impl Plant {
    /// A service of `workers` workers, each busy for about `service` seconds with a call.
    pub(crate) const fn of(workers: usize, service: f64) -> Self {
        Self { workers, service, shape: Shape::Even, error_ratio: 0.0, waiting: usize::MAX, hung: false }
    }

    /// Calls per second at which every worker is busy.
    pub(crate) const fn capacity(&self) -> f64 {
        self.workers as f64 / self.service
    }
}

/// Shares of the tiers in ordinary traffic, the most important first, as in [`Tier::ALL`].
pub(crate) const ORDINARY: [f64; 5] = [0.1, 0.2, 0.4, 0.2, 0.1];

pub(crate) struct World {
    pub(crate) route: Route,
    pub(crate) plant: Plant,
    pub(crate) shares: [f64; 5],
    now: Mono,
    next_tick: Mono,
    next_arrival: Mono,
    dice: Dice,
    busy: usize,
    queue: VecDeque<Call>,
    services: BinaryHeap<Reverse<(Mono, u64)>>,
    calls: std::collections::HashMap<u64, Call>,
    hung: Vec<Call>,
    serial: u64,
}

/// The results of one run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    pub(crate) offered: [u64; 5],
    pub(crate) passed: [u64; 5],
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) latency: f64,
    /// In-flight count, time-weighted.
    pub(crate) mean_in_flight: f64,
    /// N*, mean over the ticks.
    pub(crate) mean_target: f64,
    pub(crate) longest_gap: f64,
}

impl Report {
    /// Share of the tier's requests that passed.
    pub(crate) fn passed(&self, tier: Tier) -> f64 {
        let index = Tier::ALL.iter().position(|other| *other == tier).unwrap_or_default();
        self.passed[index] as f64 / self.offered[index].max(1) as f64
    }

    pub(crate) fn passed_of_all(&self) -> f64 {
        self.passed.iter().sum::<u64>() as f64 / self.offered.iter().sum::<u64>().max(1) as f64
    }

    /// Successes per second.
    pub(crate) fn goodput(&self) -> f64 {
        self.succeeded as f64 / self.seconds
    }

    pub(crate) fn mean_latency(&self) -> f64 {
        self.latency / self.succeeded.max(1) as f64
    }
}

const TICK: Duration = Duration::from_millis(100);

impl World {
    pub(crate) fn new(config: AdaptiveConfig, plant: Plant, seed: u64) -> Self {
        Self::around(Route::new(config), plant, seed)
    }

    pub(crate) fn around(route: Route, plant: Plant, seed: u64) -> Self {
        Self {
            route,
            plant,
            shares: ORDINARY,
            now: Mono::ZERO,
            next_tick: Mono::ZERO.after(TICK),
            next_arrival: Mono::ZERO,
            dice: Dice::new(seed),
            busy: 0,
            queue: VecDeque::new(),
            services: BinaryHeap::new(),
            calls: std::collections::HashMap::new(),
            hung: Vec::new(),
            serial: 0,
        }
    }

    /// Offers `rate` requests per second for `seconds`.
    pub(crate) fn run(&mut self, rate: f64, seconds: f64) -> Report {
        let end = self.now.after(Duration::from_secs_f64(seconds));
        let mut report = Report { seconds, ..Report::default() };
        let (mut ticks, mut last_pass) = (0u32, self.now);
        self.next_arrival = self.now.after(self.gap(rate));
        loop {
            let done = self.services.peek().map(|Reverse((at, _))| *at);
            let next = self.next_tick.min(self.next_arrival).min(done.unwrap_or(end));
            if next >= end {
                break;
            }
            let span = next.seconds_since(self.now);
            report.mean_in_flight += self.route.in_flight as f64 * span / seconds;
            self.now = next;
            if done == Some(next) {
                self.complete(&mut report);
            } else if next == self.next_tick {
                self.route.tick(next);
                self.next_tick = next.after(TICK);
                report.mean_target += self.route.state.target();
                ticks += 1;
            } else {
                if self.arrive(&mut report) {
                    report.longest_gap = report.longest_gap.max(next.seconds_since(last_pass));
                    last_pass = next;
                }
                self.next_arrival = next.after(self.gap(rate));
            }
        }
        report.mean_target /= f64::from(ticks.max(1));
        self.now = end;
        report
    }

    /// Every hung call fails now, as if its connection had been cut.
    pub(crate) fn cut_hung_calls(&mut self) {
        for call in std::mem::take(&mut self.hung) {
            self.route.finish(self.now, call, true);
        }
    }

    fn gap(&mut self, rate: f64) -> Duration {
        if rate > 0.0 {
            Duration::from_secs_f64(self.dice.exponential(1.0 / rate))
        } else {
            Duration::from_secs(1 << 20)
        }
    }

    fn arrive(&mut self, report: &mut Report) -> bool {
        let mut pick = self.dice.unit() * self.shares.iter().sum::<f64>();
        let mut index = 0;
        while index < 4 && pick >= self.shares[index] {
            pick -= self.shares[index];
            index += 1;
        }
        report.offered[index] += 1;
        let priority = Priority::tier(Tier::ALL[index]);
        let volts = priority.resolve(Spread::Band, Priority::epoch(self.now), self.dice.bits());
        let Some(call) = self.route.admit(self.now, volts) else { return false };
        report.passed[index] += 1;
        if self.plant.hung {
            self.hung.push(call);
        } else if self.busy < self.plant.workers {
            self.serve(call);
        } else if self.queue.len() < self.plant.waiting {
            self.queue.push_back(call);
        } else {
            report.failed += 1;
            self.route.finish(self.now, call, true);
        }
        true
    }

    fn serve(&mut self, call: Call) {
        self.busy += 1;
        self.serial += 1;
        let mean = self.plant.service;
        let service = match self.plant.shape {
            Shape::Even => mean * self.dice.between(0.5, 1.5),
            Shape::Exponential => self.dice.exponential(mean),
            Shape::TwoKinds if self.dice.hits(0.9) => mean * 0.1,
            Shape::TwoKinds => mean * 9.1,
        };
        let at = self.now.after(Duration::from_secs_f64(service));
        self.calls.insert(self.serial, call);
        self.services.push(Reverse((at, self.serial)));
    }

    fn complete(&mut self, report: &mut Report) {
        let Some(call) = self.services.pop().and_then(|Reverse((_, serial))| self.calls.remove(&serial))
        else {
            return;
        };
        let failed = self.dice.hits(self.plant.error_ratio);
        self.route.finish(self.now, call, failed);
        if failed {
            report.failed += 1;
        } else {
            report.succeeded += 1;
            report.latency += self.now.seconds_since(call.start);
        }
        self.busy -= 1;
        if self.busy < self.plant.workers
            && let Some(waiting) = self.queue.pop_front()
        {
            self.serve(waiting);
        }
    }
}
