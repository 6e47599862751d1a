// SPDX-License-Identifier: Apache-2.0
//! A binary breaker: open at half of the calls of the last five seconds failed (at least 20), for 5
//! s, then one probe at a time until one succeeds.
//!
//! Late answers count as failures where the deadline is told. Written here because the breakers of
//! crates.io read the machine's clock (recloser, failsafe), which a simulation in virtual time
//! cannot use.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request};

#[derive(Debug)]
pub(super) struct Breaker {
    deadline: Option<Duration>,
    /// Answers and failures of each of the last five seconds.
    seconds: [(u32, u32); 5],
    second: u64,
    state: State,
    /// Times it has opened, for the count of flapping.
    openings: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Open(Mono),
    Probing(u32),
}

impl Breaker {
    pub(super) fn new(deadline: Option<Duration>) -> Self {
        Self { deadline, seconds: [(0, 0); 5], second: 0, state: State::Closed, openings: 0 }
    }

    fn turn(&mut self, now: Mono) {
        let second = now.as_nanos() / 1_000_000_000;
        for gone in self.second + 1..=second.min(self.second + 5) {
            self.seconds[(gone % 5) as usize] = (0, 0);
        }
        self.second = second;
    }

    fn open(&mut self, now: Mono) {
        self.state = State::Open(now.after(PAUSE));
        self.openings += 1;
    }
}

impl Policy for Breaker {
    fn admit(&mut self, now: Mono, _: &Request, call: u32) -> bool {
        match self.state {
            State::Closed => true,
            State::Open(until) if now >= until => {
                self.state = State::Probing(call);
                true
            }
            State::Open(_) | State::Probing(_) => false,
        }
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration) {
        self.turn(now);
        let failed = ended == Ended::Failed || self.deadline.is_some_and(|deadline| took > deadline);
        match self.state {
            State::Probing(probe) if probe == call => {
                if failed {
                    self.open(now);
                } else {
                    self.state = State::Closed;
                    self.seconds = [(0, 0); 5];
                }
            }
            State::Closed => {
                let slot = &mut self.seconds[(self.second % 5) as usize];
                slot.0 += 1;
                slot.1 += u32::from(failed);
                let (calls, failures) =
                    self.seconds.iter().fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
                if calls >= 20 && failures * 2 >= calls {
                    self.open(now);
                }
            }
            State::Open(_) | State::Probing(_) => {}
        }
    }
}

const PAUSE: Duration = Duration::from_secs(5);
