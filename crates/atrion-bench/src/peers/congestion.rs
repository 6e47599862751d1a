// SPDX-License-Identifier: Apache-2.0
//! congestion-limiter: an adaptive concurrency limit over a semaphore, the closest peer.

use congestion_limiter::limiter::{DefaultLimiter, Limiter, Outcome};
use congestion_limiter::limits::Aimd;

use crate::contender::{Contender, Session};

/// The limiter of the crate's own example, shared by reference.
pub struct CongestionLimiter(DefaultLimiter<Aimd>);

impl CongestionLimiter {
    /// The README's AIMD limiter: ten at first, at most twenty.
    pub fn new() -> Self {
        Self(DefaultLimiter::new(
            Aimd::new_with_initial_limit(10).with_max_limit(20).decrease_factor(0.9).increase_by(1),
        ))
    }
}

impl Default for CongestionLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for CongestionLimiter {
    fn name(&self) -> &'static str {
        "congestion-limiter"
    }

    fn operation(&self) -> &'static str {
        "`try_acquire` and `release` with success"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        let runtime = super::runtime();
        Box::new(move |operations| {
            let _entered = runtime.enter();
            super::drive(async {
                let mut admitted = 0;
                for _ in 0..operations {
                    if let Some(token) = self.0.try_acquire().await {
                        self.0.release(token, Some(Outcome::Success)).await;
                        admitted += 1;
                    }
                }
                admitted
            })
        })
    }
}
