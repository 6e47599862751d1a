// SPDX-License-Identifier: Apache-2.0
//! What operators do by hand, with a reason and an end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Event, OverrideKind, RouteId, lock};

use crate::commons::Commons;
use crate::live::Force;
use crate::registry::Registry;
use crate::route::Route;

/// A manual intervention. It always says why, and it always ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data
pub struct Override {
    /// What to do.
    pub kind: OverrideKind,
    /// Why, for the one who finds it later: 1..=500 characters.
    pub reason: String,
    /// For how long: 1 s..=7 days. A reset happens at once and needs none; it is not looked at
    /// there.
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
        let characters = self.reason.trim().chars().count();
        if !(1..=500).contains(&characters) {
            return Err(OverrideError::Reason { characters });
        }
        let lasts = !matches!(self.kind, OverrideKind::Reset);
        if lasts && !(Duration::from_secs(1)..=LONGEST).contains(&self.time_to_live) {
            return Err(OverrideError::TimeToLive { given: self.time_to_live });
        }
        Ok(())
    }
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
    registry: Arc<Registry>,
    active: Mutex<HashMap<RouteId, Active>>,
}

#[derive(Debug)]
struct Active {
    kind: OverrideKind,
    reason: Arc<str>,
    until: Mono,
}

impl Overrides {
    pub(crate) fn new(commons: Arc<Commons>, registry: Arc<Registry>) -> Self {
        Self { commons, registry, active: Mutex::default() }
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
        match kind {
            OverrideKind::ForceOpen => cell.live().force(Force::Open),
            OverrideKind::ForceClosed => cell.live().force(Force::Closed),
            OverrideKind::Shadow => cell.live().force(Force::Shadow),
            _ => cell.reset(now),
        }
        if !matches!(kind, OverrideKind::Reset) {
            let active = Active { kind, reason: Arc::clone(&reason), until: now.after(time_to_live) };
            lock(&self.active).insert(cell.id().clone(), active);
        }
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
        let lifted = lock(&self.active).remove(route.id());
        if let Some(active) = &lifted {
            self.end(route.id(), active.kind, by);
        }
        lifted.is_some()
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
        // Taken out before an observer is told: it may set the next one.
        let ended: Vec<_> = lock(&self.active).extract_if(|_, active| now >= active.until).collect();
        for (id, active) in ended {
            self.end(&id, active.kind, None);
        }
    }

    fn end(&self, id: &RouteId, kind: OverrideKind, lifted_by: Option<Arc<str>>) {
        if let Some(cell) = self.registry.get(id.as_str()) {
            cell.live().force(Force::None);
        }
        self.commons.tell(|| Event::OverrideExpired { route: id.clone(), kind, lifted_by });
    }
}

impl Active {
    /// As an operator sees it at `now`: with the time that is left.
    fn at(&self, now: Mono) -> Override {
        let Self { kind, reason, until } = self;
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
