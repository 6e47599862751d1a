// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use atrion_core::{Cost, Outcome};

use crate::cell::{RouteCell, Streaming};

/// What an answered call holds while its answer is being sent: a place under the cap of its route,
/// and of its group. Obtained from [`OwnedPermit::into_stream`](crate::OwnedPermit::into_stream).
///
/// It is no load: the law has judged the call at its first byte, and how long it goes on is its
/// client's affair. At most 16,384 streams of a route are out of the law's sight like this; each one
/// more is in flight at the gate until it closes.
///
/// Dropped, it is closed, and nothing is said of the callee: a client has left, or has had enough.
///
/// ```
/// use atrion_core::{Outcome, Tier};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
///
/// let route = atrion.route("completions");
/// let permit = route.admit_owned(Tier::Normal)?;
/// // The first token is there.
/// let stream = permit.into_stream(Outcome::Success);
/// assert_eq!((route.snapshot().in_flight, route.snapshot().streams), (0, 1));
/// drop(stream);
/// assert_eq!(route.snapshot().streams, 0);
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream that is dropped at once is closed"]
pub struct StreamPermit {
    cell: Arc<RouteCell>,
    stream: Streaming,
    has_failed: bool,
}

impl StreamPermit {
    pub(crate) fn new(cell: Arc<RouteCell>, stream: Streaming) -> Self {
        Self { cell, stream, has_failed: false }
    }

    /// Closes the stream and says how it ended. A failure is heard as that of a call, whatever the
    /// first byte has said; anything else says nothing more than that did.
    pub fn finish(mut self, outcome: Outcome) {
        self.has_failed = outcome == Outcome::Failure;
    }

    /// What the stream costs, as far as is known.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.stream.cost()
    }

    /// Says what the stream really costs, while it runs: a cap counts that from now on.
    pub fn settle(&mut self, actual: Cost) {
        self.cell.weigh_stream(&mut self.stream, actual);
    }

    /// The stream costs so many units more than was known, up to [`Cost::MAX`] in all.
    pub fn add(&mut self, units: u32) {
        self.settle(Cost::saturating(self.cost().get().saturating_add(units)));
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.cell.close_stream(self.stream, self.has_failed, self.cell.now());
    }
}

impl fmt::Debug for StreamPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamPermit").field("route", self.cell.id()).finish_non_exhaustive()
    }
}
