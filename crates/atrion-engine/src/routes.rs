// SPDX-License-Identifier: Apache-2.0
//! The routes of an instance by name, and the configuration that they are made under.

use std::fmt;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use atrion_core::Mono;
use atrion_state::{Event, RouteId, RouteIdError, lock};

use crate::cell::{OVERFLOW_ROUTE, RouteCell};
use crate::commons::Commons;
use crate::config::{Config, ConfigError};
use crate::in_force::InForce;
use crate::refusals::RefusalSample;
use crate::registry::Registry;
use crate::route::Route;
use crate::snapshot::RouteSnapshot;

/// This many new routes are kept for a provider to be asked for.
const COLD_KEPT: usize = 1024;

/// The routes of an instance. Obtained from [`Atrion::routes`](crate::Atrion::routes) or
/// [`Engine::routes`](crate::Engine::routes).
pub struct Routes {
    commons: Arc<Commons>,
    registry: Arc<Registry>,
    in_force: ArcSwap<InForce>,
    replacing: Mutex<()>,
    /// Routes that were created and not yet asked for at the provider.
    cold: Mutex<Vec<RouteId>>,
}

impl Routes {
    /// `config` has been checked.
    pub(crate) fn new(config: Config, commons: Arc<Commons>, now: Mono) -> Self {
        let in_force = InForce::new(config, 0, now);
        // The constant is a valid name; a test holds it to that.
        let id = RouteId::new(OVERFLOW_ROUTE).unwrap_or_else(|_| unreachable!());
        let overflow = RouteCell::new(id, in_force.of(OVERFLOW_ROUTE), Arc::clone(&commons), now);
        let routes = Self {
            commons,
            registry: Arc::new(Registry::new(Arc::new(overflow))),
            in_force: ArcSwap::from_pointee(in_force),
            replacing: Mutex::default(),
            cold: Mutex::default(),
        };
        routes.reconfigure(&routes.registry.overflow(), &routes.in_force(), now);
        routes
    }

    /// The route of that name, made if it is new. Keep the handle where it is used often.
    ///
    /// A name that cannot be one (empty, over 256 bytes, control characters), or for which there is
    /// no place, gets the overflow route, which protects as every other does; that is counted and
    /// reported. Use templates (`GET /users/{id}`) and never raw paths as names.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let route = atrion.routes().route("GET /users/{id}");
    /// assert_eq!(route.id(), atrion.route("GET /users/{id}").id());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn route(&self, name: &str) -> Route {
        match self.registry.get(name) {
            Some(cell) => Route::new(cell),
            None => match RouteId::new(name) {
                Ok(id) => self.create(&id),
                Err(_) => Route::new(self.registry.turn_away()),
            },
        }
    }

    /// The route of that name, made if it is new; an error where [`route`](Self::route) gives the
    /// overflow route for a name that cannot be one.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let route = atrion.routes().try_route("GET /users/{id}")?;
    /// assert_eq!(route.id().as_str(), "GET /users/{id}");
    /// assert!(atrion.routes().try_route("").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RouteIdError`] says why the name cannot be one.
    pub fn try_route(&self, name: &str) -> Result<Route, RouteIdError> {
        match self.registry.get(name) {
            Some(cell) => Ok(Route::new(cell)),
            None => RouteId::new(name).map(|id| self.create(&id)),
        }
    }

    /// The route of that name, if there is one. A look-up makes none: for tools that take a name
    /// from a person, such as a page that sets overrides.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let _ = atrion.route("GET /users/{id}");
    /// assert!(atrion.routes().find("GET /users/{id}").is_some());
    /// assert!(atrion.routes().find("GET /user/{id}").is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Route> {
        self.registry.get(name).map(Route::new)
    }

    /// The entries of the configuration in force that no route has matched so far, by name: one may
    /// be misspelt.
    ///
    /// ```
    /// use atrion_engine::{Config, RouteConfig};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let entry = RouteConfig::default().cap(8);
    /// atrion.replace_config(Config::default().route("GET /export", entry.clone()).route("GET /exprot", entry))?;
    /// let _ = atrion.route("GET /export");
    /// assert_eq!(atrion.routes().unmatched_entries(), ["GET /exprot"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn unmatched_entries(&self) -> Vec<String> {
        self.in_force.load().unmatched()
    }

    #[cold]
    fn create(&self, id: &RouteId) -> Route {
        if id.as_str() == OVERFLOW_ROUTE {
            return Route::new(self.registry.overflow());
        }
        let in_force = self.in_force.load();
        // Before the route takes what may be the last place.
        let group = self.group_of(id, &in_force);
        let mut created = false;
        let cell = self.registry.get_or_create(id, in_force.config.max_routes, || {
            created = true;
            let (preset, now) = (in_force.of(id.as_str()), self.commons.now());
            let cell = RouteCell::new(id.clone(), preset, Arc::clone(&self.commons), now);
            cell.groups().configure(&cell, group.as_ref());
            cell
        });
        if created {
            self.ask_for([id.clone()]);
            self.mend_configuration(&cell, in_force.generation);
        }
        Route::new(cell)
    }

    /// A configuration that came while the route was being made has not found it.
    fn mend_configuration(&self, cell: &RouteCell, made_under: u64) {
        let in_force = self.in_force.load();
        if in_force.generation != made_under {
            self.reconfigure(cell, &in_force, self.commons.now());
        }
    }

    fn reconfigure(&self, cell: &RouteCell, in_force: &InForce, now: Mono) {
        cell.reconfigure(in_force.of(cell.id().as_str()), now);
        cell.groups().configure(cell, self.group_of(cell.id(), in_force).as_ref());
    }

    /// The group that the configuration puts the route of that name into: `None`, nothing is said.
    /// A pattern may mean groups, too, which are in none.
    fn group_of(&self, id: &RouteId, in_force: &InForce) -> Option<Option<Arc<RouteCell>>> {
        let said = in_force.config.of(id.as_str()).group.as_deref().filter(|_| !id.is_group())?;
        Some((!said.is_empty()).then(|| self.group(said)))
    }

    /// The gate of the group of that name, made if it is new.
    pub(crate) fn group(&self, name: &str) -> Arc<RouteCell> {
        match RouteId::group(name) {
            Ok(id) => Arc::clone(self.route(id.as_str()).cell()),
            Err(_) => self.registry.turn_away(),
        }
    }

    /// A few of the latest refusals after the sample of that `number` (0: all that are kept), with
    /// every term, oldest first: at most five a second and route, 512 in all. Asking keeps the
    /// sampling on for ten seconds; while nothing asks none are kept.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let mut seen = 0;
    /// for sample in atrion.routes().refusals_after(seen) {
    ///     println!("{}: {}", sample.route, sample.refusal);
    ///     seen = sample.number;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn refusals_after(&self, number: u64) -> Vec<RefusalSample> {
        self.commons.refusals.after(number, self.commons.now())
    }

    /// A route that is held outside of the instance: by a handle, or by a permit.
    pub(crate) fn held(&self) -> Option<RouteId> {
        // The registry, the pulse, and the list that is gone through here.
        const OWN: usize = 3;
        let is_held = |cell: &&Arc<RouteCell>| {
            !cell.id().is_group() && !cell.is_overflow() && Arc::strong_count(cell) > OWN
        };
        self.registry.all().iter().find(is_held).map(|cell| cell.id().clone())
    }

    /// Every route at this moment, by name; the overflow route is among them.
    pub(crate) fn snapshots(&self) -> Vec<RouteSnapshot> {
        let mut routes: Vec<_> = self.registry.all().iter().map(|cell| RouteSnapshot::of(cell)).collect();
        routes.sort_by(|a, b| a.id.cmp(&b.id));
        routes
    }

    /// The configuration in force stays as it is, whole, if this one is refused.
    pub(crate) fn replace_config(&self, config: Config) -> Result<(), ConfigError> {
        if let Err(error) = config.check() {
            let reason: Arc<str> = error.to_string().into();
            self.commons.tell(|| Event::ConfigRejected { reason });
            return Err(error);
        }
        // One at a time, or some routes would end with one and some with the other.
        let alone = lock(&self.replacing);
        let generation = self.in_force.load().generation + 1;
        let now = self.commons.now();
        let in_force = Arc::new(InForce::new(config, generation, now));
        self.in_force.store(Arc::clone(&in_force));
        for cell in self.registry.all() {
            self.reconfigure(&cell, &in_force, now);
        }
        drop(alone);
        self.commons.tell(|| Event::ConfigReplaced { generation });
        Ok(())
    }

    /// Tells once of entries that nothing has matched for a while.
    pub(crate) fn report_unmatched(&self, now: Mono) {
        let entries = self.in_force.load().overdue(now);
        if !entries.is_empty() {
            self.commons.tell(|| Event::EntriesUnmatched { entries: entries.into() });
        }
    }

    /// The configuration in force.
    pub(crate) fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Routes to ask a provider for, since this was last called.
    pub(crate) fn take_cold(&self) -> Vec<RouteId> {
        std::mem::take(&mut *lock(&self.cold))
    }

    /// Keeps routes for the next [`take_cold`](Self::take_cold), as many as there is room for.
    pub(crate) fn ask_for(&self, routes: impl IntoIterator<Item = RouteId>) {
        let mut cold = lock(&self.cold);
        let room = COLD_KEPT.saturating_sub(cold.len());
        cold.extend(routes.into_iter().take(room));
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("count", &self.registry.len()).finish_non_exhaustive()
    }
}
