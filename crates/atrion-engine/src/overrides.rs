// SPDX-License-Identifier: Apache-2.0
//! What operators do by hand, with a reason and an end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::{Mono, Outcome};
use atrion_state::{Event, LeaseEnd, OverrideKind, RouteId, lock};

use crate::cell::RouteCell;
use crate::commons::Commons;
use crate::lease::LeaseId;
use crate::live::Force;
use crate::route::Route;

/// A manual intervention. It always says why, and it always ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Override {
    /// What to do.
    pub kind: OverrideKind,
    /// Why, for the one who finds it later: 1..=500 characters.
    pub reason: String,
    /// For how long: 1 s..=7 days. A reset happens at once and needs none; it is not looked at
    /// there. Written and read as a text such as `"10m"`.
    #[cfg_attr(feature = "serde", serde(default, with = "atrion_core::durations"))]
    pub time_to_live: Duration,
}

/// Why an [`Override`] was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// The reason is empty or too long.
    #[error("an override needs a reason of 1..=500 characters, got {characters}: say why it is set")]
    Reason {
        /// How long it is.
        characters: usize,
    },
    /// The time to live is out of range.
    #[error("an override lives 1s..=7d, got {given:?}: set an end in that range")]
    TimeToLive {
        /// What was given.
        given: Duration,
    },
}

const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl Override {
    pub(crate) fn check(&self) -> Result<(), OverrideError> {
        check_reason(&self.reason)?;
        let lasts = !matches!(self.kind, OverrideKind::Reset);
        if lasts && !(Duration::from_secs(1)..=LONGEST).contains(&self.time_to_live) {
            return Err(OverrideError::TimeToLive { given: self.time_to_live });
        }
        Ok(())
    }
}

fn check_reason(reason: &str) -> Result<(), OverrideError> {
    let characters = reason.trim().chars().count();
    if (1..=500).contains(&characters) { Ok(()) } else { Err(OverrideError::Reason { characters }) }
}

/// The overrides of an instance. Obtained from [`Atrion::overrides`](crate::Atrion::overrides) or
/// [`Engine::overrides`](crate::Engine::overrides).
///
/// ```
/// use std::time::Duration;
///
/// use atrion_core::Tier;
/// use atrion_engine::{Atrion, Override};
/// use atrion_state::OverrideKind;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let atrion = Atrion::builder().connect().await?;
/// let route = atrion.route("api/report");
/// let wanted = Override {
///     kind: OverrideKind::ForceOpen,
///     reason: "the report's database is being moved".to_owned(),
///     time_to_live: Duration::from_secs(600),
/// };
/// atrion.overrides().set(&route, wanted)?;
/// assert!(route.admit(Tier::Critical).is_err());
///
/// assert_eq!(atrion.overrides().list().len(), 1);
/// assert!(atrion.overrides().lift_as(&route, "ana"));
/// assert!(atrion.overrides().get(&route).is_none());
/// assert!(route.admit(Tier::Critical).is_ok());
/// # Ok(())
/// # }
/// ```
pub struct Overrides {
    commons: Arc<Commons>,
    /// Invariant: while this is locked, what is listed is in force, and nothing else is.
    active: Mutex<HashMap<RouteId, Active>>,
}

#[derive(Debug)]
struct Active {
    /// The very route that is held: a route that is forgotten may come back under its name.
    cell: Arc<RouteCell>,
    kind: OverrideKind,
    reason: Arc<str>,
    until: Mono,
}

impl Overrides {
    pub(crate) fn new(commons: Arc<Commons>) -> Self {
        Self { commons, active: Mutex::default() }
    }

    /// Takes a route over by hand, for a time.
    ///
    /// # Errors
    /// [`OverrideError`] if there is no reason or no end.
    pub fn set(&self, route: &Route, wanted: Override) -> Result<(), OverrideError> {
        wanted.check()?;
        let (cell, now) = (route.cell(), self.commons.now());
        let reason: Arc<str> = wanted.reason.trim().into();
        let Override { kind, time_to_live, .. } = wanted;
        match force(kind) {
            Some(force) => {
                let (cell, reason) = (Arc::clone(cell), Arc::clone(&reason));
                let until = now.after(time_to_live);
                let mut active = lock(&self.active);
                cell.live().force(force, until);
                active.insert(cell.id().clone(), Active { cell, kind, reason, until });
            }
            None => cell.reset(now),
        }
        self.commons.queues.serve(now);
        self.commons.tell(|| Event::OverrideSet { route: cell.id().clone(), kind, reason, time_to_live });
        Ok(())
    }

    /// Lifts an override before its time. False if there was none.
    pub fn lift(&self, route: &Route) -> bool {
        self.lift_by(route, None)
    }

    /// The same, and says in the event who did it: the first 100 characters of a name.
    pub fn lift_as(&self, route: &Route, who: &str) -> bool {
        self.lift_by(route, name(who))
    }

    fn lift_by(&self, route: &Route, by: Option<Arc<str>>) -> bool {
        let lifted = lock(&self.active).remove(route.id()).inspect(Active::let_go);
        if let Some(active) = &lifted {
            self.commons.queues.serve(self.commons.now());
            self.tell_of_end(route.id().clone(), active.kind, by);
        }
        lifted.is_some()
    }

    /// Takes a [`Lease`](crate::Lease) away from its holder: the slot is given back at once, the job
    /// is told by its token, and the end says nothing of the callee's health. False if there is no
    /// such lease, or no more.
    ///
    /// # Errors
    /// [`OverrideError::Reason`] if there is no reason.
    pub fn revoke(&self, lease: LeaseId, reason: &str) -> Result<bool, OverrideError> {
        check_reason(reason)?;
        let Some(held) = self.commons.leases.take(lease) else { return Ok(false) };
        let end = LeaseEnd::Revoked(reason.trim().into());
        let (route, owner) = (held.route.clone(), held.owner.as_str().into());
        let lasted = held.lasted(self.commons.now());
        held.end(end.clone(), Some(Outcome::Ignored));
        self.commons.tell(|| Event::LeaseEnded { route, lease: lease.get(), owner, end, lasted });
        Ok(true)
    }

    /// Ends the leases whose holders have missed their beats.
    pub(crate) fn end_overdue_leases(&self, now: Mono, absent: Duration) {
        for (id, held) in self.commons.leases.overdue(now, absent) {
            let (route, owner) = (held.route.clone(), held.owner.as_str().into());
            let lasted = held.lasted(now);
            held.end(LeaseEnd::Lost, Some(Outcome::Failure));
            self.commons.tell(|| Event::LeaseEnded {
                route,
                lease: id.get(),
                owner,
                end: LeaseEnd::Lost,
                lasted,
            });
        }
    }

    /// What is set on a route by hand: what, why, and for how much longer.
    #[must_use]
    pub fn get(&self, route: &Route) -> Option<Override> {
        let now = self.commons.now();
        lock(&self.active).get(route.id()).map(|active| active.at(now))
    }

    /// Every override in force, by route.
    #[must_use]
    pub fn list(&self) -> Vec<(RouteId, Override)> {
        let now = self.commons.now();
        let mut all: Vec<_> =
            lock(&self.active).iter().map(|(id, active)| (id.clone(), active.at(now))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Ends what has come to its end.
    pub(crate) fn expire(&self, now: Mono) {
        let ended: Vec<_> = {
            let mut active = lock(&self.active);
            let ended = active.extract_if(|_, active| now >= active.until);
            ended.inspect(|(_, active)| active.let_go()).collect()
        };
        // Unlocked before an observer is told: it may set the next one.
        for (id, active) in ended {
            self.tell_of_end(id, active.kind, None);
        }
    }

    fn tell_of_end(&self, route: RouteId, kind: OverrideKind, lifted_by: Option<Arc<str>>) {
        self.commons.tell(|| Event::OverrideExpired { route, kind, lifted_by });
    }
}

/// What holds a route for the time of an override. A reset happens at once and holds nothing.
fn force(kind: OverrideKind) -> Option<Force> {
    match kind {
        OverrideKind::ForceOpen => Some(Force::Open),
        OverrideKind::ForceClosed => Some(Force::Closed),
        OverrideKind::Shadow => Some(Force::Shadow),
        _ => None,
    }
}

impl Active {
    /// Called under the lock of the list that it has left.
    fn let_go(&self) {
        self.cell.live().force(Force::None, Mono::ZERO);
    }

    /// As an operator sees it at `now`: with the time that is left.
    fn at(&self, now: Mono) -> Override {
        let Self { kind, reason, until, .. } = self;
        Override { kind: *kind, reason: reason.to_string(), time_to_live: until.since(now) }
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overrides").field("active", &*lock(&self.active)).finish_non_exhaustive()
    }
}

/// A name as it is told: short, because it may come from anywhere. `None` if there is nothing in
/// it.
fn name(who: &str) -> Option<Arc<str>> {
    let name: String = who.trim().chars().take(LONGEST_NAME).collect();
    (!name.is_empty()).then(|| name.into())
}

const LONGEST_NAME: usize = 100;
