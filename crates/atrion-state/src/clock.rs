// SPDX-License-Identifier: Apache-2.0
//! The time port. [`SystemClock`] is the only place of Atrion that reads the machine's clocks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atrion_core::{Mono, Wall};

mod counter;
mod line;
mod system;

pub use system::SystemClock;

/// Where the time comes from.
///
/// `now` should never go backwards. Callers treat a step back as no time at all, so a bad clock
/// makes physics stand still for a moment and breaks nothing.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The monotonic time that every decision uses.
    fn now(&self) -> Mono;

    /// The wall time, for people only.
    fn wall(&self) -> Wall;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Mono {
        (**self).now()
    }

    fn wall(&self) -> Wall {
        (**self).wall()
    }
}

/// A clock that stands still until a test moves it. Clones share one time.
#[derive(Debug, Clone, Default)]
pub struct FakeClock {
    hands: Arc<Hands>,
}

#[derive(Debug, Default)]
struct Hands {
    mono_nanos: AtomicU64,
    wall_millis: AtomicU64,
}

impl FakeClock {
    /// A clock at its origin, at the Unix epoch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock at the given times.
    #[must_use]
    pub fn at(now: Mono, wall: Wall) -> Self {
        let clock = Self::new();
        clock.set(now);
        clock.set_wall(wall);
        clock
    }

    /// Moves both hands forward.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().after(span));
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.set_wall(Wall::from_millis(self.wall().as_millis().saturating_add(millis)));
    }

    /// Puts the monotonic hand anywhere, also back: the broken clock that real machines sometimes
    /// have.
    pub fn set(&self, now: Mono) {
        self.hands.mono_nanos.store(now.as_nanos(), Ordering::SeqCst);
    }

    /// Puts the wall hand anywhere.
    pub fn set_wall(&self, wall: Wall) {
        self.hands.wall_millis.store(wall.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Mono {
        Mono::from_nanos(self.hands.mono_nanos.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Wall {
        Wall::from_millis(self.hands.wall_millis.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fake_clock_moves_only_when_told_and_can_go_back() {
        let clock = FakeClock::new();
        let twin = clock.clone();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(twin.now(), Mono::from_nanos(1_500_000_000));
        assert_eq!(twin.wall(), Wall::from_millis(1_500));
        twin.set(Mono::from_nanos(7));
        assert_eq!(clock.now(), Mono::from_nanos(7));
        assert_eq!(clock.wall(), Wall::from_millis(1_500));
    }
}
