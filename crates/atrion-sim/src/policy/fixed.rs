// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_core::Mono;

use super::limited::Limit;
use super::{Ended, Policy, Request};

/// Nothing is refused.
#[derive(Debug, Default)]
pub(super) struct Nothing;

impl Policy for Nothing {
    fn admit(&mut self, _: Mono, _: &Request, _: u32) -> bool {
        true
    }

    fn finish(&mut self, _: Mono, _: u32, _: Ended, _: Duration) {}
}

/// A limit that was set by hand. With a load test behind it, it is as good as the day of the test;
/// chosen for a scenario after the fact it is the oracle.
#[derive(Debug)]
pub struct Fixed(pub f64);

impl Limit for Fixed {
    fn limit(&self) -> f64 {
        self.0
    }

    fn ended(&mut self, _: Mono, _: Ended, _: Duration, _: f64) {}
}
