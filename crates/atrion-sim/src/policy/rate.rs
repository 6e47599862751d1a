// SPDX-License-Identifier: Apache-2.0
//! A rate limit at nine tenths of what a load test has shown, by the crate `governor` through its
//! public API: its clock is a trait, so it runs in virtual time. Tiers are not told apart.

use std::num::NonZeroU32;
use std::time::Duration;

use atrion_core::Mono;
use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::{Ended, Policy, Request};

pub(super) struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>,
    clock: FakeRelativeClock,
    now: Mono,
}

impl Rate {
    pub(super) fn new(capacity: f64) -> Self {
        let clock = FakeRelativeClock::default();
        let period = Duration::from_secs_f64(1.0 / (0.9 * capacity).max(0.01));
        // A tenth of a second's worth at once, and always one.
        let burst = NonZeroU32::new((0.1 * capacity) as u32).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let limiter = RateLimiter::direct_with_clock(quota.allow_burst(burst), clock.clone());
        Self { limiter, clock, now: Mono::ZERO }
    }
}

impl Policy for Rate {
    fn admit(&mut self, now: Mono, _: &Request, _: u32) -> bool {
        self.clock.advance(now.since(self.now));
        self.now = now;
        self.limiter.check().is_ok()
    }

    fn finish(&mut self, _: Mono, _: u32, _: Ended, _: Duration) {}
}
