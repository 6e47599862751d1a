// SPDX-License-Identifier: Apache-2.0
//! Who gets what a route's pulses measured. Called under the route's lock: it must not wait for anything.

use std::sync::Weak;

use super::{Pulse, Start};

/// A place that recordings go to.
pub(crate) trait Tap: Send + Sync {
    /// A pulse; `go_on` is what the pulses after it start from. False: it wants no more.
    fn pulse(&self, pulse: &Pulse, go_on: &dyn Fn() -> Start) -> bool;

    /// Something has happened that no pulse tells: what comes now starts from here. False: it wants no more.
    fn restart(&self, start: Start) -> bool;
}

/// The taps of a route. Each lives as long as the handle that its owner holds.
#[derive(Default)]
pub(crate) struct Taps(Vec<Weak<dyn Tap>>);

impl Taps {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, tap: Weak<dyn Tap>) {
        self.0.push(tap);
    }

    pub(crate) fn pulse(&mut self, pulse: &Pulse, go_on: &dyn Fn() -> Start) {
        self.0.retain(|tap| tap.upgrade().is_some_and(|tap| tap.pulse(pulse, go_on)));
    }

    pub(crate) fn restart(&mut self, start: &dyn Fn() -> Start) {
        self.0.retain(|tap| tap.upgrade().is_some_and(|tap| tap.restart(start())));
    }
}

impl std::fmt::Debug for Taps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} taps", self.0.len())
    }
}
