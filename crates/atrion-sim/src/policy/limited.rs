// SPDX-License-Identifier: Apache-2.0
//! A concurrency limit as a gate, with or without a partition for tiers.

use std::time::Duration;

use atrion_core::Mono;

use super::{Ended, Policy, Request, share_of_limit};

/// Whatever finds a limit.
pub trait Limit {
    /// The most calls in flight.
    fn limit(&self) -> f64;

    /// A call has ended. `in_flight` calls, this one included, were in flight when it was let
    /// through.
    fn ended(&mut self, now: Mono, ended: Ended, took: Duration, in_flight: f64);
}

/// A limit as a gate.
#[derive(Debug)]
pub struct Limited<L> {
    limit: L,
    by_tier: bool,
    in_flight: f64,
    /// In-flight counts at admission, by call.
    at: Vec<f64>,
}

impl<L: Limit> Limited<L> {
    /// Every tier may use the whole limit.
    pub fn plain(limit: L) -> Self {
        Self { limit, by_tier: false, in_flight: 0.0, at: Vec::new() }
    }

    /// The lower the voltage, the smaller the share of the limit.
    pub fn by_tier(limit: L) -> Self {
        Self { by_tier: true, ..Self::plain(limit) }
    }
}

impl<L: Limit> Policy for Limited<L> {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        let share = if self.by_tier { share_of_limit(request.volts(now)) } else { 1.0 };
        // One call must be able to pass, or a limit of one would refuse everything for ever.
        let passes = self.in_flight < (self.limit.limit() * share).max(1.0);
        if passes {
            self.in_flight += 1.0;
            let place = call as usize;
            if self.at.len() <= place {
                self.at.resize(place + 1, 0.0);
            }
            self.at[place] = self.in_flight;
        }
        passes
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration) {
        self.in_flight -= 1.0;
        self.limit.ended(now, ended, took, self.at[call as usize]);
    }
}
