// SPDX-License-Identifier: Apache-2.0
//! recloser: a lock-free circuit breaker over a ring buffer of outcomes.

use std::hint::black_box;

use recloser::Recloser;

use crate::contender::{Contender, Session};

/// The default breaker, shared by reference.
pub struct RecloserBreaker(Recloser);

impl RecloserBreaker {
    /// `Recloser::default()`: 50 % errors over 100 calls.
    pub fn new() -> Self {
        Self(Recloser::default())
    }
}

impl Default for RecloserBreaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for RecloserBreaker {
    fn name(&self) -> &'static str {
        "recloser"
    }

    fn operation(&self) -> &'static str {
        "`call` of a closure that returns `Ok`"
    }

    fn clock_reads(&self) -> &'static str {
        "none"
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
