// SPDX-License-Identifier: Apache-2.0
//! governor: a rate limiter (GCRA) over one atomic word.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::contender::{Contender, Session};

/// A direct limiter with the default clock, shared by reference.
pub struct Governor(DefaultDirectRateLimiter);

impl Governor {
    /// 10^9 cells a second: one per nanosecond, the resolution of governor's clock, and more than
    /// two threads can ask for.
    pub fn new() -> Self {
        Self(RateLimiter::direct(Quota::per_second(PER_SECOND)))
    }
}

impl Default for Governor {
    fn default() -> Self {
        Self::new()
    }
}

const PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

impl Contender for Governor {
    fn name(&self) -> &'static str {
        "governor"
    }

    fn operation(&self) -> &'static str {
        "one `check`; a rate limiter has no finish"
    }

    fn clock_reads(&self) -> &'static str {
        "one"
    }

    fn session(&self) -> Session<'_> {
        Box::new(|operations| {
            let mut admitted = 0;
            for _ in 0..operations {
                admitted += u64::from(self.0.check().is_ok());
            }
            admitted
        })
    }
}
