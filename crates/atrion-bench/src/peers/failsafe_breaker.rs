// SPDX-License-Identifier: Apache-2.0
//! failsafe: a circuit breaker behind a mutex, with a success rate over a time window.

use std::hint::black_box;

use failsafe::CircuitBreaker;
use failsafe::backoff::EqualJittered;
use failsafe::failure_policy::{ConsecutiveFailures, OrElse, SuccessRateOverTimeWindow};

use crate::contender::{Contender, Session};

type Policy = OrElse<SuccessRateOverTimeWindow<EqualJittered>, ConsecutiveFailures<EqualJittered>>;

/// The default breaker, shared by reference.
pub struct Failsafe(failsafe::StateMachine<Policy, ()>);

impl Failsafe {
    /// `Config::new().build()`: 80 % success over 30 s, or five failures in a row.
    pub fn new() -> Self {
        Self(failsafe::Config::new().build())
    }
}

impl Default for Failsafe {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for Failsafe {
    fn name(&self) -> &'static str {
        "failsafe"
    }

    fn operation(&self) -> &'static str {
        "`call` of a closure that returns `Ok`"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        Box::new(|operations| {
            let mut admitted = 0;
            for n in 0..operations {
                let answer = self.0.call(|| Ok::<u64, ()>(black_box(n)));
                admitted += u64::from(answer.is_ok());
            }
            admitted
        })
    }
}
