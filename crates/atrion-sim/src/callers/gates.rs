// SPDX-License-Identifier: Apache-2.0
//! The gates of all callers as one policy before the plant.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use atrion_core::Mono;
use atrion_engine::ConfigError;

use super::Row;
use super::lives::{Life, lives};
use super::tally::Tally;
use super::wire::Wire;
use crate::dice::Dice;
use crate::plant::nanos;
use crate::policy::{Ended, Entry, Policy, Request};
use crate::scenario::Scenario;

/// A gate for each life of each caller.
pub(super) struct Gates {
    lives: Vec<Life>,
    gates: Vec<Box<dyn Policy>>,
    /// Who is there now: the sums of the shares up to each life.
    present: Vec<(f64, usize)>,
    /// When somebody comes or goes, in order.
    changes: Vec<u64>,
    changed: usize,
    /// The next pulse of each life. No two pulse in step.
    pulses: BinaryHeap<Reverse<(u64, usize)>>,
    /// Which life let a call through.
    holders: Vec<usize>,
    deadline: Duration,
    wire: Wire,
    tally: Tally,
}

impl Gates {
    pub(super) fn new(scenario: &Scenario, entry: &Entry, row: Row) -> Result<Self, ConfigError> {
        let lives = lives(row.callers, row.spread, row.turnover, scenario.seconds);
        let gates = lives.iter().map(|_| entry.make_for(scenario, row.callers));
        let mut dice = Dice::stream(u64::from(row.callers), PHASES);
        let first = |(nth, life): (usize, &Life)| Reverse((nanos(life.from + TICK * dice.unit()), nth));
        let mut changes: Vec<u64> = lives
            .iter()
            .flat_map(|life| [life.from, life.until])
            .filter(|at| at.is_finite())
            .map(nanos)
            .collect();
        changes.sort_unstable();
        changes.dedup();
        let wire = Wire::new(row.sharing, &lives, scenario.seconds);
        let mut gates = gates.collect::<Result<Vec<_>, _>>()?;
        gates.iter_mut().enumerate().for_each(|(nth, gate)| wire.join(nth, gate.as_mut()));
        Ok(Self {
            gates,
            present: Vec::new(),
            changes,
            changed: 0,
            pulses: lives.iter().enumerate().map(first).collect(),
            holders: Vec::new(),
            wire,
            deadline: Duration::from_secs_f64(scenario.plant.deadline),
            tally: Tally::new(&lives, scenario.seconds),
            lives,
        })
    }

    pub(super) fn tally(self) -> Tally {
        self.tally
    }

    /// Everything that is due by now.
    fn catch_up(&mut self, now: u64) {
        loop {
            let change = self.changes.get(self.changed).copied().unwrap_or(u64::MAX);
            let pulse = self.pulses.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            if change.min(pulse) > now {
                return;
            }
            if change <= pulse {
                self.changed += 1;
                self.take_attendance(change);
            } else if let Some(Reverse((at, nth))) = self.pulses.pop()
                && at < nanos(self.lives[nth].until)
            {
                self.pulse(at, nth);
                self.pulses.push(Reverse((at + nanos(TICK), nth)));
            }
        }
    }

    /// A pulse of one life, which hears its peers before and is heard by them after it.
    fn pulse(&mut self, at: u64, nth: usize) {
        let now = Mono::from_nanos(at);
        if !self.wire.stands_still(now, nth) {
            self.wire.hear(now, nth);
            self.gates[nth].tick(now);
            if let Some(vector) = self.gates[nth].said(now) {
                self.wire.say(now, nth, vector);
            }
        }
    }

    fn take_attendance(&mut self, now: u64) {
        self.present.clear();
        let mut sum = 0.0;
        for (nth, life) in self.lives.iter().enumerate() {
            if nanos(life.from) <= now && now < nanos(life.until) {
                sum += life.share;
                self.present.push((sum, nth));
            }
        }
    }

    /// The caller that a client's request comes to; all its attempts come to the same.
    fn life_of(&self, request: &Request) -> usize {
        let luck = request.luck.wrapping_sub(u64::from(request.attempt));
        let at = Dice::stream(luck, CALLERS).unit() * self.present.last().map_or(0.0, |last| last.0);
        let nth = self.present.partition_point(|(sum, _)| *sum <= at);
        self.present.get(nth).or(self.present.last()).map_or(0, |(_, life)| *life)
    }
}

impl Policy for Gates {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        self.catch_up(now.as_nanos());
        let life = self.life_of(request);
        let passes = self.gates[life].admit(now, request, call);
        self.tally.attempted(now, life, request.attempt == 0, passes);
        if passes {
            let place = call as usize;
            if self.holders.len() <= place {
                self.holders.resize(place + 1, 0);
            }
            self.holders[place] = life;
        }
        passes
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration) {
        self.catch_up(now.as_nanos());
        let life = self.holders[call as usize];
        self.gates[life].finish(now, call, ended, took);
        if ended == Ended::Answered && took <= self.deadline {
            self.tally.answered(now, life);
        }
    }
}

/// As in production, in seconds.
const TICK: f64 = 0.1;
const PHASES: u64 = 0x70_68_61;
const CALLERS: u64 = 0x63_61_6c;
