// SPDX-License-Identifier: Apache-2.0
//! Controlled delay with adaptive last-in-first-out, as Facebook describes it ("Fail at Scale",
//! 2015): a call that has waited longer than 100 ms is dropped, longer than 5 ms if the queue has
//! not been empty for 100 ms; in that case the newest is served first.
//!
//! It is a queue's discipline rather than a gate: nothing is refused at the door. Simplified:
//! "empty" means that a call was taken that had not waited.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request};

#[derive(Debug, Default)]
pub(super) struct Codel {
    last_empty: Mono,
}

impl Codel {
    fn stands(&self, now: Mono) -> bool {
        now.since(self.last_empty) > INTERVAL
    }
}

impl Policy for Codel {
    fn admit(&mut self, _: Mono, _: &Request, _: u32) -> bool {
        true
    }

    fn finish(&mut self, _: Mono, _: u32, _: Ended, _: Duration) {}

    fn served(&mut self, now: Mono, waited: Duration) {
        if waited < TARGET {
            self.last_empty = now;
        }
    }

    fn takes_newest(&mut self, now: Mono, _: Duration) -> bool {
        self.stands(now)
    }

    fn drops(&mut self, now: Mono, waited: Duration) -> bool {
        waited > if self.stands(now) { TARGET } else { INTERVAL }
    }
}

const TARGET: Duration = Duration::from_millis(5);
const INTERVAL: Duration = Duration::from_millis(100);
