// SPDX-License-Identifier: Apache-2.0
//! A refusal, as the caller gets it (`docs/adr/0012-refusals-are-values.md`).

use std::fmt;
use std::time::Duration;

use atrion_core::{Ohms, Reason, Refusal, SignalName, Terms, Volts};

use crate::signal::name_of;

/// A request that was not let through, with everything that led to it. Shedding is an answer, not a
/// fault of the program; it implements [`Error`](std::error::Error) so that it can travel with `?`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Shed {
    refusal: Refusal,
    by_group: bool,
}

impl Shed {
    pub(crate) fn new(refusal: Refusal, by_group: bool) -> Self {
        Self { refusal, by_group }
    }

    /// The gate of the route's [`Group`](crate::Group) has refused it, and all that is said here is
    /// the group's. [`Route::refuser`](crate::Route::refuser) knows its name.
    #[must_use]
    pub const fn by_group(&self) -> bool {
        self.by_group
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.refusal.reason
    }

    /// R, the resistance that the request met.
    #[must_use]
    pub fn resistance(&self) -> Ohms {
        self.refusal.terms.resistance()
    }

    /// V, the request's voltage.
    #[must_use]
    pub const fn voltage(&self) -> Volts {
        self.refusal.volts
    }

    /// The terms of R.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.refusal.terms
    }

    /// After this time a request of the same voltage has a chance again: 0.1 s to 75 s, spread a
    /// little, so that what was shed together does not come back together.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.refusal.retry_after
    }

    /// The strongest of the application's own signals, where one is in R.
    #[must_use]
    pub fn signal(&self) -> Option<SignalName> {
        self.refusal.signal.and_then(name_of)
    }

    /// Everything at once.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)?;
        self.signal().map_or(Ok(()), |signal| write!(f, "; the signal is {signal}"))
    }
}

impl std::error::Error for Shed {}
