// SPDX-License-Identifier: Apache-2.0
//! Adaptive throttling at the client, as in "Site Reliability Engineering", chapter 21: of requests
//! and accepts of the last two minutes, refuse with probability `max(0, (requests - K
//! accepts)/(requests + 1))`, K = 2.
//!
//! Late answers are not accepted where the deadline is told. Simplified: the two minutes are an
//! exponential window.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request};
use crate::dice::Dice;

#[derive(Debug)]
pub(super) struct Throttle {
    deadline: Option<Duration>,
    requests: f64,
    accepts: f64,
}

impl Throttle {
    pub(super) fn new(deadline: Option<Duration>) -> Self {
        Self { deadline, requests: 0.0, accepts: 0.0 }
    }
}

impl Policy for Throttle {
    fn admit(&mut self, _: Mono, request: &Request, _: u32) -> bool {
        let chance = ((self.requests - K * self.accepts) / (self.requests + 1.0)).max(0.0);
        self.requests += 1.0;
        !Dice::stream(request.luck, 11).hits(chance)
    }

    fn finish(&mut self, _: Mono, _: u32, ended: Ended, took: Duration) {
        let late = self.deadline.is_some_and(|deadline| took > deadline);
        self.accepts += f64::from(u8::from(ended.is_answer() && !late));
    }

    fn tick(&mut self, _: Mono) {
        self.requests *= KEEP;
        self.accepts *= KEEP;
    }
}

const K: f64 = 2.0;
/// e^(-0.1 s / 120 s)
const KEEP: f64 = 0.999_167_013_773_899_5;
