// SPDX-License-Identifier: Apache-2.0
//! The handle that callers keep.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms, Priority};
use atrion_state::RouteId;

use crate::cell::RouteCell;
use crate::permit::{OwnedPermit, Permit};
use crate::recording::Kept;
#[cfg(feature = "recording")]
use crate::recording::{RecordError, Recorder, Recording};
use crate::shed::Shed;
use crate::snapshot::RouteSnapshot;

/// A route: one dependency, endpoint or other thing that can be overloaded or sick. Cheap to clone;
/// keep it where it is used often.
///
/// `admit` and `finish` neither lock, wait nor allocate.
///
/// ```
/// use atrion_core::{Outcome, Tier};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
/// let route = atrion.route("api/checkout");
/// let permit = route.admit(Tier::High)?;
/// permit.finish(Outcome::Success);
/// println!("{} is {}, R = {}", route.id(), route.mode(), route.resistance());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Route(Arc<RouteCell>);

impl Route {
    pub(crate) fn new(cell: Arc<RouteCell>) -> Self {
        Self(cell)
    }

    /// The route's name.
    #[must_use]
    pub fn id(&self) -> &RouteId {
        self.0.id()
    }

    /// Decides on one request.
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it.
    #[inline]
    pub fn admit(&self, priority: impl Into<Priority>) -> Result<Permit<'_>, Shed> {
        self.admit_at(priority, self.0.now())
    }

    /// The same for a caller that has just read the instance's clock itself.
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it.
    #[inline(always)]
    pub fn admit_at(&self, priority: impl Into<Priority>, now: Mono) -> Result<Permit<'_>, Shed> {
        let priority = priority.into();
        if let Some(ticket) = self.0.admit_fast(priority, now) {
            return Ok(Permit::new(&self.0, ticket));
        }
        match self.0.admit_slow(priority, now) {
            Ok(ticket) => Ok(Permit::new(&self.0, ticket)),
            Err(shed) => Err(shed),
        }
    }

    /// Decides on one request whose permit has to outlive this handle, as in a spawned task or a
    /// middleware's future.
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it.
    pub fn admit_owned(&self, priority: impl Into<Priority>) -> Result<OwnedPermit, Shed> {
        let ticket = self.0.admit_slow(priority.into(), self.0.now())?;
        Ok(OwnedPermit::new(Arc::clone(&self.0), ticket))
    }

    /// What the route is doing.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.0.mode()
    }

    /// R as a request would meet it now.
    #[must_use]
    pub fn resistance(&self) -> Ohms {
        let live = self.0.live();
        let gate = live.gate();
        let occupied = live.exact_in_flight_signed().max(0) as f64 + live.debt();
        Ohms::saturating(f64::from(gate.rest()) + gate.saturation(occupied).get())
    }

    /// Everything that is known about the route. It takes the route's lock, which requests never
    /// do.
    #[must_use]
    pub fn snapshot(&self) -> RouteSnapshot {
        RouteSnapshot::of(&self.0)
    }

    /// Keeps what the route measures and decides in memory, for the latest `span`, as long as the
    /// handle is held: about 0.3 MB for each minute of a busy route.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let kept = atrion.route("api/checkout").keep(Duration::from_secs(60));
    /// assert!(kept.is_empty(), "no pulse yet");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn keep(&self, span: Duration) -> Kept {
        let kept = Kept::new(self.id().clone(), span, self.0.commons().interval);
        self.0.tap(kept.tap());
        kept
    }

    /// Records what the route measures and decides into a file, until the recorder is dropped or
    /// the recording is as large as it may be: about 5 kB a second, nothing while the route is
    /// idle. `manual/replay.md` says what to do with it.
    ///
    /// It opens the file, so it may block; no pulse and no request ever waits for it.
    ///
    /// # Errors
    /// [`RecordError`] if the file or its thread cannot be made.
    #[cfg(feature = "recording")]
    #[cfg_attr(docsrs, doc(cfg(feature = "recording")))]
    pub fn record(&self, recording: Recording) -> Result<Recorder, RecordError> {
        let commons = self.0.commons();
        let (wall, observers) = (commons.clock.wall(), commons.observers.clone());
        let recorder = Recorder::begin(recording, self.id(), commons.interval, wall, observers)?;
        self.0.tap(recorder.tap());
        Ok(recorder)
    }

    pub(crate) fn cell(&self) -> &Arc<RouteCell> {
        &self.0
    }
}
