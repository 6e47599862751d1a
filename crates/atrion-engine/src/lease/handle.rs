// SPDX-License-Identifier: Apache-2.0
//! What the holder of a lease has in hand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Outcome, Priority};
use atrion_state::LeaseEnd;

use super::registry::Slot;
use super::{LeaseError, LeaseId, LeaseOptions, LeaseToken};
use crate::commons::Commons;
use crate::route::Route;
use crate::shed::Shed;

/// A permit for a long job. Obtained from [`Route::lease`](crate::Route::lease).
///
/// Its holder calls [`beat`](Self::beat) at least once in each heartbeat. If it does not, and the
/// grace is over too, the slot is given back, the lease counts as failed, and
/// [`token`](Self::token) fires. Dropped, the lease counts as cancelled, as a permit does.
///
/// ```
/// use std::time::Duration;
///
/// use atrion_core::{Outcome, Tier};
/// use atrion_engine::LeaseOptions;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
/// let route = atrion.route("transcode");
/// let lease = route.lease(Tier::Low, LeaseOptions::heavy().owner("clip 17"))?;
/// for part in 0..10 {
///     // ... a tenth of the job ...
///     lease.progress(f64::from(part) / 10.0);
///     if lease.token().is_cancelled() {
///         break; // revoked by an operator, or lost
///     }
/// }
/// assert_eq!(route.snapshot().leases[0].owner, "clip 17");
/// assert!(lease.finish(Outcome::Success));
/// # Ok(())
/// # }
/// ```
#[must_use = "a lease that is dropped at once counts as a cancelled job"]
pub struct Lease {
    commons: Arc<Commons>,
    id: LeaseId,
    token: LeaseToken,
}

impl Lease {
    pub(crate) fn new(commons: Arc<Commons>, id: LeaseId, token: LeaseToken) -> Self {
        Self { commons, id, token }
    }

    /// Its name, as snapshots show it.
    #[must_use]
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// What tells the job that its lease is over. It may go to other tasks.
    #[must_use]
    pub fn token(&self) -> LeaseToken {
        self.token.clone()
    }

    /// The holder is alive. False: the lease is over.
    pub fn beat(&self) -> bool {
        self.commons.leases.beat(self.id, self.commons.now(), None)
    }

    /// The same, and says how much is done: 0 to 1, what is outside counts as the nearest, and what
    /// is no number as not known.
    pub fn progress(&self, part: f64) -> bool {
        self.commons.leases.beat(self.id, self.commons.now(), Some(part))
    }

    /// The holder is alive, and its next beat may take up to so long, a day at most: for a step that
    /// cannot beat. False: the lease is over.
    pub fn extend(&self, span: Duration) -> bool {
        self.commons.leases.extend(self.id, self.commons.now(), span)
    }

    /// Says how the job went. False if the lease was over before: then nothing is counted again.
    pub fn finish(self, outcome: Outcome) -> bool {
        self.end(LeaseEnd::Finished, Some(outcome))
    }

    fn end(&self, end: LeaseEnd, outcome: Option<Outcome>) -> bool {
        match self.commons.leases.take(self.id) {
            Some(held) => {
                held.end(end, outcome);
                true
            }
            None => false,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end(LeaseEnd::Dropped, None);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).field("end", &self.token.end()).finish_non_exhaustive()
    }
}

impl Route {
    /// How leases of this route are kept alive, as its configuration says: `heartbeat` and `grace`,
    /// or a [`Profile`](crate::Profile) of them.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atrion_core::Tier;
    /// use atrion_engine::{Config, Profile, RouteConfig};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::default().route("transcode", RouteConfig::default().profile(Profile::Heavy));
    /// let atrion = atrion_engine::Atrion::builder().config(config).connect().await?;
    /// let route = atrion.route("transcode");
    /// assert_eq!(route.lease_options().heartbeat, Duration::from_secs(15));
    /// let _lease = route.lease(Tier::Low, route.lease_options().owner("clip 17"))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lease_options(&self) -> LeaseOptions {
        self.cell().lease_options()
    }

    /// Decides on a long job, and gives it a lease: a permit whose holder has to beat.
    ///
    /// # Errors
    /// [`LeaseError`]: a refusal as of [`admit`](Self::admit), or options out of range.
    pub fn lease(&self, priority: impl Into<Priority>, options: LeaseOptions) -> Result<Lease, LeaseError> {
        options.check()?;
        let priority = priority.into();
        let permit = self.admit_owned(priority).map_err(|shed: Shed| LeaseError::Refused(shed))?;
        let slot = Slot::new(move |outcome| match outcome {
            Some(outcome) => permit.finish(outcome),
            None => drop(permit),
        });
        let commons = Arc::clone(self.cell().commons());
        let (id, token) = commons.leases.enter(slot, self.id().clone(), priority, options, commons.now());
        Ok(Lease::new(commons, id, token))
    }
}
