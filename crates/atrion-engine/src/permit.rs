// SPDX-License-Identifier: Apache-2.0
//! The right to run one call, and the duty to say how it went. Why there are two:
//! `docs/adr/0005-permits-borrow.md`.

use std::fmt;
use std::sync::Arc;

use atrion_core::{Mono, Outcome};

use crate::cell::{Held, RouteCell};

/// A call that was let through. Finish it with its outcome.
///
/// On a route of a [`Group`](crate::Group) it holds a slot of both gates, and gives back both.
///
/// Dropped without one it counts as cancelled: the in-flight count goes down, and the call counts
/// as late if it took longer than the SLO. So a panic or a cancelled future leaks nothing.
///
/// It borrows its route, which keeps the hot path free of reference counts; a future that must be
/// `'static` takes an [`OwnedPermit`].
///
/// ```
/// use atrion_core::{Outcome, Tier};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
/// # async fn call() -> Result<(), std::io::Error> { Ok(()) }
/// let route = atrion.route("api/checkout");
/// let permit = route.admit(Tier::Normal)?;
/// let outcome = if call().await.is_ok() { Outcome::Success } else { Outcome::Failure };
/// permit.finish(outcome);
///
/// drop(route.admit(Tier::Normal)?); // cancelled: nothing leaks
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit that is dropped at once counts as a cancelled call"]
pub struct Permit<'a> {
    cell: &'a RouteCell,
    held: Held,
}

impl<'a> Permit<'a> {
    #[inline(always)]
    pub(crate) fn new(cell: &'a RouteCell, held: Held) -> Self {
        Self { cell, held }
    }

    /// Says how the call went.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let now = self.cell.now();
        self.finish_at(outcome, now);
    }

    /// The same for a caller that has just read the instance's clock itself.
    #[inline(always)]
    pub fn finish_at(self, outcome: Outcome, now: Mono) {
        // Forgotten first: a permit that could still be dropped would have to live in memory.
        let (cell, held) = (self.cell, self.held);
        std::mem::forget(self);
        cell.finish(held, Some(outcome), now);
    }

    /// When the call was let through.
    #[must_use]
    pub fn started(&self) -> Mono {
        self.held.start()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.cell.finish(self.held, None, self.cell.now());
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("route", self.cell.id()).finish_non_exhaustive()
    }
}

/// A [`Permit`] that owns its share of the route and can move into any future or thread.
#[must_use = "a permit that is dropped at once counts as a cancelled call"]
pub struct OwnedPermit {
    cell: Arc<RouteCell>,
    held: Option<Held>,
}

impl OwnedPermit {
    pub(crate) fn new(cell: Arc<RouteCell>, held: Held) -> Self {
        Self { cell, held: Some(held) }
    }

    /// Says how the call went.
    pub fn finish(self, outcome: Outcome) {
        let now = self.cell.now();
        self.finish_at(outcome, now);
    }

    /// The same for a caller that has just read the instance's clock itself.
    pub fn finish_at(mut self, outcome: Outcome, now: Mono) {
        if let Some(held) = self.held.take() {
            self.cell.finish(held, Some(outcome), now);
        }
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.cell.finish(held, None, self.cell.now());
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("route", self.cell.id()).finish_non_exhaustive()
    }
}
