// SPDX-License-Identifier: Apache-2.0
//! Leases: permits for work of minutes to hours, whose holder has to show that it is alive
//! (`manual/work.md`).
//!
//! A call of a second is given back by the code that made it. A job of an hour may be held by a task
//! that hangs, and its slot would be gone for good. So its holder beats; where it misses that, the
//! slot is given back, the loss counts as a failure, and the task is told, not killed.

use std::fmt;

use atrion_state::LeaseEnd;
use tokio::sync::watch;

mod options;
pub(crate) use options::{GRACE, HEARTBEAT};
pub use options::{LeaseError, LeaseOptions};

mod registry;
pub use registry::LeaseSnapshot;
pub(crate) use registry::{Leases, since};

mod keeping;
pub(crate) use keeping::keep;

mod handle;
pub use handle::Lease;

/// Names a lease of an instance. Numbers are not used twice while the instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct LeaseId(u64);

impl LeaseId {
    /// The lease of that number, as a snapshot shows it.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells a job when its lease is over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LeaseToken(watch::Receiver<Option<LeaseEnd>>);

impl LeaseToken {
    pub(crate) fn new(receiver: watch::Receiver<Option<LeaseEnd>>) -> Self {
        Self(receiver)
    }

    /// The job ought to stop: its lease was lost or revoked, or its holder is gone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.end().is_some()
    }

    /// Why, if the lease is over.
    #[must_use]
    pub fn end(&self) -> Option<LeaseEnd> {
        self.0.borrow().clone()
    }

    /// Waits until the lease is over, and says why. Safe to drop and to ask again.
    pub async fn cancelled(&mut self) -> LeaseEnd {
        // An error says that the lease is gone, and what could tell why with it.
        let told = self.0.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        told.unwrap_or(LeaseEnd::Dropped)
    }
}
