// SPDX-License-Identifier: Apache-2.0
//! The engine without a runtime: routes, their physics, and one pulse at a time. Whoever drives it brings the time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use atrion_core::{Mono, Ohms, Telemetry, TelemetryError};
use atrion_state::{
    Clock, Event, Fanout, MergedScars, Observer, OverrideKind, PhysicsVector, RouteId, RouteIdError,
    StateManager, StateProvider, lock,
};

use crate::cell::{Commons, RouteCell};
use crate::config::{Config, ConfigError, RouteConfig};
use crate::events::Relay;
use crate::fleet::{Ear, Fleet};
use crate::live::Force;
use crate::overrides::{self, Active, Override, OverrideError, Overrides};
use crate::physics::{RoutePhysics, TickCache};
use crate::recording::Kept;
#[cfg(feature = "recording")]
use crate::recording::{RecordError, Recorder, Recording};
use crate::refusals::RefusalSample;
use crate::registry::Registry;
use crate::roster::{Beat, Roster};
use crate::route::Route;
use crate::snapshot::{RouteSnapshot, Snapshot};

/// Routes, their physics and their state, driven by calls of [`pulse`](Self::pulse).
///
/// [`Atrion`](crate::Atrion) is an engine with a task that drives it and a provider that keeps its state. The engine
/// alone is for simulations, for runtimes other than tokio, and for tests: with a
/// [`FakeClock`](atrion_state::FakeClock) it is deterministic on one thread.
pub struct Engine {
    commons: Arc<Commons>,
    registry: Arc<Registry>,
    in_force: ArcSwap<InForce>,
    observers: Arc<Fanout>,
    manager: StateManager,
    roster: Mutex<Roster>,
    /// Locked before the physics of a route, and never while an observer is told something.
    fleet: Mutex<Fleet>,
    /// A node has joined since the last pulse.
    joined: Arc<AtomicBool>,
    overrides: Mutex<Overrides>,
    /// Routes that were created and not yet asked for at the provider.
    cold: Mutex<Vec<RouteId>>,
    replacing: Mutex<()>,
    interval: Duration,
}

/// A configuration with its parts shared, so that ten thousand routes do not hold ten thousand copies.
struct InForce {
    config: Config,
    default: Arc<RouteConfig>,
    routes: BTreeMap<String, Arc<RouteConfig>>,
    generation: u64,
}

/// What one pulse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PulseReport {
    /// Routes that were computed; quiet ones need no tick.
    pub computed: usize,
    /// Routes whose vectors the store has not seen.
    pub dirty: usize,
}

/// So many new routes are kept for whoever asks a provider for them.
const COLD_KEPT: usize = 1024;

/// The name of the route that all names without a place share.
pub const OVERFLOW_ROUTE: &str = "__overflow__";

impl Engine {
    /// An engine on `clock`, to be driven every `interval`.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong with `config`.
    pub fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        observers: Vec<Arc<dyn Observer>>,
        interval: Duration,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let in_force = InForce::new(config, 0);
        let now = clock.now();
        let commons = Arc::new(Commons::new(clock));
        let overflow = Self::make_cell(overflow_id(), in_force.of(OVERFLOW_ROUTE), &commons, now);
        Ok(Self {
            registry: Arc::new(Registry::new(Arc::new(overflow))),
            commons,
            in_force: ArcSwap::from_pointee(in_force),
            observers: Arc::new(Fanout::new(observers)),
            manager: StateManager::new(),
            roster: Mutex::new(Roster::new(now)),
            fleet: Mutex::default(),
            joined: Arc::default(),
            overrides: Mutex::default(),
            cold: Mutex::default(),
            replacing: Mutex::default(),
            interval,
        })
    }

    /// The route of that name, made if it is new. A name that cannot be one, or has no place, gets the overflow route;
    /// both are counted and reported.
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

    /// The route of that name, made if it is new.
    ///
    /// # Errors
    /// [`RouteIdError`] says why the name cannot be one.
    pub fn try_route(&self, name: &str) -> Result<Route, RouteIdError> {
        match self.registry.get(name) {
            Some(cell) => Ok(Route::new(cell)),
            None => RouteId::new(name).map(|id| self.create(&id)),
        }
    }

    #[cold]
    fn create(&self, id: &RouteId) -> Route {
        if id.as_str() == OVERFLOW_ROUTE {
            return Route::new(self.registry.overflow());
        }
        let in_force = self.in_force.load();
        let mut created = false;
        let cell = self.registry.get_or_create(id, in_force.config.max_routes, || {
            created = true;
            Self::make_cell(id.clone(), in_force.of(id.as_str()), &self.commons, self.commons.clock.now())
        });
        if created {
            let mut cold = lock(&self.cold);
            // Nobody need ever ask for them.
            if cold.len() < COLD_KEPT {
                cold.push(id.clone());
            }
            drop(cold);
            self.mend_configuration(&cell, in_force.generation);
        }
        Route::new(cell)
    }

    /// A configuration that came while the route was being made has not found it.
    fn mend_configuration(&self, cell: &RouteCell, made_under: u64) {
        let in_force = self.in_force.load();
        if in_force.generation != made_under {
            let (config, now) = (in_force.of(cell.id().as_str()), self.commons.clock.now());
            cell.physics().reconfigure(cell.live(), config, &self.commons.ladder, now);
        }
    }

    fn make_cell(id: RouteId, config: Arc<RouteConfig>, commons: &Arc<Commons>, now: Mono) -> RouteCell {
        RouteCell::new(id, RoutePhysics::new(config, now), Arc::clone(commons), now)
    }

    /// From now on the gates of all routes count what peers say through this provider, as far as it
    /// [shares](StateProvider::sharing) and the configuration allows, and what happens behind it is told to this engine's
    /// observers. [`Atrion`](crate::Atrion) does this by itself.
    pub fn listen_to(&self, provider: Arc<dyn StateProvider>) {
        let (observers, joined) = (Arc::downgrade(&self.observers), Arc::clone(&self.joined));
        // The provider may outlive this engine: it holds on to nobody.
        provider.attach(Arc::new(Relay { observers, joined }));
        provider.attach_merged_scars(Arc::new(Heard(Arc::downgrade(&self.registry))));
        lock(&self.fleet).join(provider, &self.registry);
    }

    /// COMPUTE and BUFFER for every route that needs it. Events come out at the observers.
    pub fn pulse(&self, now: Mono) -> PulseReport {
        let wall = self.commons.clock.wall();
        let mut roster = lock(&self.roster);
        let fresh = self.registry.take_fresh();
        let listening = self.in_force.load().config.fleet;
        let joined = self.joined.swap(false, Relaxed);
        let ear = lock(&self.fleet).open(&listening, joined, &fresh, &self.registry);
        let ear = ear.as_ref();
        roster.enlist(fresh);
        let beat = Beat {
            ear,
            now,
            wall,
            interval: self.interval,
            manager: &self.manager,
            observers: &self.observers,
        };
        let mut resting = Vec::new();
        let computed = roster.beat(&beat, |cell| resting.push(Arc::clone(cell)));
        self.visit_listeners(ear, &resting, now);
        let turned_away = self.registry.take_turned_away();
        if turned_away > 0 {
            let limit = self.in_force.load().config.max_routes;
            self.tell(|| Event::RoutesOverflowed { limit, refused: turned_away });
            // Over the limit is what a configuration with a lower one has found.
            if let Some(over) = self.registry.len().checked_sub(limit) {
                let wanted = turned_away.saturating_add(over as u64);
                roster.evict(wanted, now, &self.registry, &self.manager);
            }
        }
        drop(roster);
        // Taken out before anybody is told: an observer may set the next one.
        let ended = lock(&self.overrides).expire(now);
        for (id, kind) in ended {
            self.end_override(&id, kind, None);
        }
        PulseReport { computed, dirty: self.manager.dirty() }
    }

    /// The gates of routes on which nothing happens follow the scars of peers all the same.
    fn visit_listeners(&self, ear: Option<&Ear>, resting: &[Arc<RouteCell>], now: Mono) {
        let mut moves = Vec::new();
        let mut fleet = lock(&self.fleet);
        resting.iter().for_each(|cell| fleet.attend(cell));
        fleet.retain(|cell| {
            let (moved, hears) = cell.physics().visit(&cell.site(ear, &self.manager), now);
            moves.extend(moved.map(|moved| (cell.id().clone(), moved)));
            hears
        });
        // Unlocked before anybody is told: an observer may hand in telemetry of its own.
        drop(fleet);
        for (route, moved) in moves {
            self.tell(|| moved.event(route));
        }
    }

    /// COMPUTE with a measurement that the caller has made itself, for one route and at once.
    ///
    /// # Errors
    /// [`TelemetryError`] names the component that is not a number or out of range. The route keeps the state it had.
    pub fn update_physics(&self, route: &str, telemetry: Telemetry) -> Result<RouteSnapshot, TelemetryError> {
        let telemetry = telemetry.check()?;
        let route = self.route(route);
        let (now, cell) = (self.commons.clock.now(), route.cell());
        let ear = lock(&self.fleet).ear(&self.in_force.load().config.fleet);
        let computed = {
            let (site, mut cache) = (cell.site(ear.as_ref(), &self.manager), TickCache::default());
            cell.physics().compute(&site, now, self.interval, &mut cache, Some(telemetry))
        };
        cell.live().touch();
        if let Some(moved) = computed.moved {
            self.tell(|| moved.event(cell.id().clone()));
        }
        if computed.from != computed.to {
            let (from, to, resistance) = (computed.from, computed.to, computed.resistance);
            self.tell(|| Event::ModeChanged { route: cell.id().clone(), from, to, resistance });
        }
        Ok(route.snapshot())
    }

    /// Replaces the configuration of the running instance. No state is lost.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong; the old configuration stays in force, whole.
    pub fn replace_config(&self, config: Config) -> Result<(), ConfigError> {
        if let Err(error) = config.check() {
            let reason: Arc<str> = error.to_string().into();
            self.tell(|| Event::ConfigRejected { reason });
            return Err(error);
        }
        // One at a time, or some routes would end with one and some with the other.
        let alone = lock(&self.replacing);
        let generation = self.in_force.load().generation + 1;
        let in_force = Arc::new(InForce::new(config, generation));
        self.in_force.store(Arc::clone(&in_force));
        let now = self.commons.clock.now();
        for cell in self.registry.all() {
            cell.physics().reconfigure(
                cell.live(),
                in_force.of(cell.id().as_str()),
                &self.commons.ladder,
                now,
            );
        }
        drop(alone);
        self.tell(|| Event::ConfigReplaced { generation });
        Ok(())
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.in_force.load().config.clone()
    }

    /// Takes a route over by hand, for a time.
    ///
    /// # Errors
    /// [`OverrideError`] if there is no reason or no end.
    pub fn set_override(&self, route: &Route, wanted: Override) -> Result<(), OverrideError> {
        wanted.check()?;
        let (cell, now) = (route.cell(), self.commons.clock.now());
        let reason: Arc<str> = wanted.reason.trim().into();
        let Override { kind, time_to_live, .. } = wanted;
        match kind {
            OverrideKind::ForceOpen => cell.live().force(Force::Open),
            OverrideKind::ForceClosed => cell.live().force(Force::Closed),
            OverrideKind::Shadow => cell.live().force(Force::Shadow),
            _ => cell.physics().reset(cell.live(), &self.commons.ladder, now),
        }
        if !matches!(kind, OverrideKind::Reset) {
            let active = Active { kind, reason: Arc::clone(&reason), until: now.after(time_to_live) };
            lock(&self.overrides).set(cell.id().clone(), active);
        }
        self.tell(|| Event::OverrideSet { route: cell.id().clone(), kind, reason, time_to_live });
        Ok(())
    }

    /// Lifts an override before its time. False if there was none.
    pub fn lift_override(&self, route: &Route) -> bool {
        self.lift(route, None)
    }

    /// The same, and says in the event who did it: the first 100 characters of a name.
    pub fn lift_override_as(&self, route: &Route, who: &str) -> bool {
        self.lift(route, overrides::name(who))
    }

    fn lift(&self, route: &Route, by: Option<Arc<str>>) -> bool {
        let lifted = lock(&self.overrides).lift(route.id());
        if let Some(active) = &lifted {
            self.end_override(route.id(), active.kind, by);
        }
        lifted.is_some()
    }

    /// What somebody has set on a route by hand: what, why, and for how much longer.
    #[must_use]
    pub fn override_of(&self, route: &Route) -> Option<Override> {
        let now = self.commons.clock.now();
        lock(&self.overrides).get(route.id()).map(|active| active.at(now))
    }

    /// Every override in force, by route.
    #[must_use]
    pub fn overrides(&self) -> Vec<(RouteId, Override)> {
        let now = self.commons.clock.now();
        let mut all: Vec<_> =
            lock(&self.overrides).iter().map(|(id, active)| (id.clone(), active.at(now))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// A few of the latest refusals after the sample of that `number` (0: all that are kept), with every term, oldest
    /// first: at most five a second and route, 512 in all. Asking keeps the sampling on for ten seconds; while nobody
    /// asks none are kept.
    #[must_use]
    pub fn refusals_after(&self, number: u64) -> Vec<RefusalSample> {
        self.commons.refusals.after(number, self.commons.clock.now())
    }

    /// Keeps what a route measures and decides in memory, for the latest `span`, as long as the handle is held.
    #[must_use]
    pub fn keep(&self, route: &Route, span: Duration) -> Kept {
        let cell = route.cell();
        let mut physics = cell.physics();
        let start = physics.begin_recording(self.commons.clock.now());
        let kept = Kept::new(cell.id().clone(), start, span, self.interval);
        physics.tap(kept.tap());
        kept
    }

    /// Records what a route measures and decides into a file, until the recorder is dropped or the recording is as large
    /// as it may be. It opens the file, so it may block; no pulse and no request ever waits for it.
    ///
    /// # Errors
    /// [`RecordError`] if the file or its thread cannot be made.
    #[cfg(feature = "recording")]
    pub fn record(&self, route: &Route, recording: Recording) -> Result<Recorder, RecordError> {
        let (cell, clock) = (route.cell(), &self.commons.clock);
        let observers = Arc::downgrade(&self.observers);
        let recorder = Recorder::begin(recording, cell.id(), self.interval, clock.wall(), observers)?;
        let mut physics = cell.physics();
        let start = physics.begin_recording(clock.now());
        physics.tap(recorder.tap(start));
        Ok(recorder)
    }

    fn end_override(&self, id: &RouteId, kind: OverrideKind, lifted_by: Option<Arc<str>>) {
        if let Some(cell) = self.registry.get(id.as_str()) {
            cell.live().force(Force::None);
        }
        self.tell(|| Event::OverrideExpired { route: id.clone(), kind, lifted_by });
    }

    /// Every route, by name.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut routes: Vec<_> = self.registry.all().iter().map(|cell| RouteSnapshot::of(cell)).collect();
        routes.sort_by(|a, b| a.id.cmp(&b.id));
        Snapshot { routes, degraded: false }
    }

    /// The cache of this node's vectors, and what the store has not seen of them.
    #[must_use]
    pub fn manager(&self) -> &StateManager {
        &self.manager
    }

    /// Takes what a provider has kept of a route. True if the route took it over: it has if it had measured nothing yet.
    pub fn restore(&self, id: &RouteId, found: PhysicsVector) -> bool {
        let now = self.commons.clock.now();
        let Ok(route) = self.try_route(id.as_str()) else { return false };
        let cell = route.cell();
        // A name without a place must neither scar everybody who shares the overflow route nor be remembered.
        if cell.id() != id {
            return false;
        }
        let Some(restored) = self.manager.restore(id, Some(found), now) else { return false };
        let taken = cell.physics().restore(cell.live(), &restored, &self.commons.ladder, now);
        cell.live().touch();
        taken
    }

    /// Routes that have been created since this was last asked: a provider may know them. Of more than 1,024 the first;
    /// the others start cold.
    #[must_use]
    pub fn take_cold(&self) -> Vec<RouteId> {
        std::mem::take(&mut *lock(&self.cold))
    }

    /// Keeps routes for the next [`take_cold`](Self::take_cold), because the provider could not be asked.
    pub(crate) fn ask_again(&self, routes: Vec<RouteId>) {
        let mut cold = lock(&self.cold);
        let room = COLD_KEPT.saturating_sub(cold.len());
        cold.extend(routes.into_iter().take(room));
    }

    /// The instance's clock, in the units of `admit_at` and `finish_at`.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.commons.clock.now()
    }

    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if !self.observers.is_empty() {
            self.observers.on_event(&event());
        }
    }
}

/// What a provider may ask of an engine that is still there.
struct Heard(Weak<Registry>);

impl MergedScars for Heard {
    fn merged_scar(&self, route: &RouteId) -> Option<Ohms> {
        self.0.upgrade()?.get(route.as_str())?.physics().merged_scar()
    }
}

impl InForce {
    fn new(config: Config, generation: u64) -> Self {
        let default = Arc::new(config.default.clone());
        let routes =
            config.routes.iter().map(|(name, route)| (name.clone(), Arc::new(route.clone()))).collect();
        Self { config, default, routes, generation }
    }

    fn of(&self, name: &str) -> Arc<RouteConfig> {
        let chosen = self.config.entry(name).and_then(|entry| self.routes.get(entry));
        Arc::clone(chosen.unwrap_or(&self.default))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("routes", &self.registry.len()).finish_non_exhaustive()
    }
}

fn overflow_id() -> RouteId {
    // The constant is a valid name; a test holds it to that.
    RouteId::new(OVERFLOW_ROUTE).unwrap_or_else(|_| unreachable!())
}
