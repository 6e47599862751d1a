// SPDX-License-Identifier: Apache-2.0
//! The handle that callers keep.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms, Priority};
use atrion_state::RouteId;

use crate::cell::{Held, RouteCell, Within};
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
pub struct Route {
    cell: Arc<RouteCell>,
    /// The group that this handle admits within, where the configuration does not say.
    within: Within,
}

impl Route {
    pub(crate) fn new(cell: Arc<RouteCell>) -> Self {
        Self { cell, within: None }
    }

    /// The same route behind that gate, too.
    pub(crate) fn behind(mut self, gate: &Arc<RouteCell>) -> Self {
        // A group's gate is in no group; the overflow route may stand for a group without a place.
        if !self.cell.id().is_group() && !Arc::ptr_eq(&self.cell, gate) {
            self.within = self.cell.groups().join(gate);
        }
        self
    }

    /// The gate that requests of this handle pass beside the route's own.
    #[must_use]
    pub fn group(&self) -> Option<RouteId> {
        let groups = self.cell.groups();
        Some(groups.get(groups.effective(self.within)?)?.id().clone())
    }

    /// The name of the gate that has said this refusal of this handle: the route's, or its group's.
    #[must_use]
    pub fn refuser(&self, shed: &Shed) -> RouteId {
        let group = if shed.by_group() { self.group() } else { None };
        group.unwrap_or_else(|| self.id().clone())
    }

    /// The route's name.
    #[must_use]
    pub fn id(&self) -> &RouteId {
        self.cell.id()
    }

    /// The time by the instance's clock, as [`admit_at`](Self::admit_at) takes it.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.cell.now()
    }

    /// Decides on one request.
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it.
    #[inline]
    pub fn admit(&self, priority: impl Into<Priority>) -> Result<Permit<'_>, Shed> {
        self.admit_at(priority, self.cell.now())
    }

    /// The same for a caller that has just read the instance's clock itself.
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it.
    #[inline(always)]
    pub fn admit_at(&self, priority: impl Into<Priority>, now: Mono) -> Result<Permit<'_>, Shed> {
        let priority = priority.into();
        // The rare answer is made apart: where both are made in one place, the usual one goes
        // through memory.
        match self.cell.admit_usual(self.within, priority, now) {
            Some(held) => Ok(Permit::new(&self.cell, held)),
            None => self.cell.admit(self.within, priority, now).map(|held| Permit::new(&self.cell, held)),
        }
    }

    /// Decides on one request whose permit has to outlive this handle, as in a spawned task or a
    /// middleware's future.
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it.
    #[inline(always)]
    pub fn admit_owned(&self, priority: impl Into<Priority>) -> Result<OwnedPermit, Shed> {
        let held = self.hold(priority.into())?;
        Ok(OwnedPermit::new(Arc::clone(&self.cell), held))
    }

    /// The same for a caller that is done with this handle: the permit takes it, which counts no
    /// references.
    ///
    /// ```
    /// use atrion_core::{Outcome, Tier};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// match atrion.route("api/checkout").into_permit(Tier::Normal) {
    ///     Ok(permit) => permit.finish(Outcome::Success),
    ///     Err((shed, route)) => println!("{} refuses: {shed}", route.id()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shed`] is the refusal, with everything that led to it, and the handle comes back.
    #[expect(clippy::result_large_err, reason = "a box would be an allocation for each refusal")]
    #[inline(always)]
    pub fn into_permit(self, priority: impl Into<Priority>) -> Result<OwnedPermit, (Shed, Self)> {
        match self.hold(priority.into()) {
            Ok(held) => Ok(OwnedPermit::new(self.cell, held)),
            Err(shed) => Err((shed, self)),
        }
    }

    #[inline(always)]
    fn hold(&self, priority: Priority) -> Result<Held, Shed> {
        let now = self.cell.now();
        match self.cell.admit_usual(self.within, priority, now) {
            Some(held) => Ok(held),
            None => self.cell.admit(self.within, priority, now),
        }
    }

    /// What the route is doing.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.cell.mode()
    }

    /// R as a request would meet it now.
    #[must_use]
    pub fn resistance(&self) -> Ohms {
        let live = self.cell.live();
        let occupied = live.exact_in_flight_signed().max(0) as f64 + live.debt();
        live.terms_met(live.gate(), live.control().mode(), occupied).resistance()
    }

    /// Everything that is known about the route. It takes the route's lock, which requests never
    /// do.
    #[must_use]
    pub fn snapshot(&self) -> RouteSnapshot {
        RouteSnapshot::of(&self.cell)
    }

    /// The same without waiting for the route's lock: `None` while a pulse or another reader holds
    /// it. For what looks from a request's path now and then.
    #[must_use]
    pub fn try_snapshot(&self) -> Option<RouteSnapshot> {
        RouteSnapshot::try_of(&self.cell)
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
        let kept = Kept::new(self.id().clone(), span, self.cell.commons().interval);
        self.cell.tap(kept.tap());
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
        let commons = self.cell.commons();
        let (wall, observers) = (commons.clock.wall(), commons.observers.clone());
        let recorder = Recorder::begin(recording, self.id(), commons.interval, wall, observers)?;
        self.cell.tap(recorder.tap());
        Ok(recorder)
    }

    pub(crate) fn cell(&self) -> &Arc<RouteCell> {
        &self.cell
    }

    /// The group that this handle asks for.
    pub(crate) fn asked(&self) -> Within {
        self.within
    }
}
