// SPDX-License-Identifier: Apache-2.0
//! Tokio's time as a clock: a test that pauses tokio's time pauses everything.

use atrion_core::{Mono, Wall};
use atrion_state::Clock;
use tokio::time::Instant;

/// Tokio's time. Copies are the same clock; its wall time begins at [`TokioClock::BEGINNING`].
#[derive(Debug, Clone, Copy)]
pub struct TokioClock(Instant);

impl TokioClock {
    /// Some day in 2027, so that what a test shows to people looks like a date.
    pub const BEGINNING: Wall = Wall::from_millis(1_800_000_000_000);

    /// A clock that begins to run now.
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Mono {
        // Not at zero: nothing in a test should hold only at the origin.
        Mono::from_nanos(1).after(self.0.elapsed())
    }

    fn wall(&self) -> Wall {
        let millis = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        Wall::from_millis(Self::BEGINNING.as_millis().saturating_add(millis))
    }
}
