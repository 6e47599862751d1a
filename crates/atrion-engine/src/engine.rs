// SPDX-License-Identifier: Apache-2.0
//! The engine without a runtime: routes, their physics, and one pulse at a time. Its driver brings
//! the time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use atrion_core::{Mono, Ohms, Telemetry, TelemetryError};
use atrion_state::{
    Clock, Event, Fanout, MergedScars, Observer, PhysicsVector, RouteId, StateManager, StateProvider, lock,
};

use crate::cell::RouteCell;
use crate::commons::Commons;
use crate::config::{Config, ConfigError};
use crate::events::Relay;
use crate::fleet::Fleet;
use crate::group::Group;
use crate::overrides::Overrides;
use crate::peers::PeerReader;
use crate::physics::{Given, TickCache};
use crate::registry::Registry;
use crate::resource::{self, Resource};
use crate::roster::{Beat, Roster};
use crate::route::Route;
use crate::routes::Routes;
use crate::signal::{Gauge, Moved, Signal, SignalError, Strongest};
use crate::snapshot::{RouteSnapshot, Snapshot};

/// Routes, their physics and their state, driven by calls of [`pulse`](Self::pulse).
///
/// [`Atrion`](crate::Atrion) is an engine with a task that drives it and a provider that keeps its
/// state. The engine alone is for simulations, for runtimes other than tokio, and for tests: with a
/// [`FakeClock`](atrion_state::FakeClock) it is deterministic on one thread.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use atrion_core::{Mono, Outcome, Tier, Wall};
/// use atrion_engine::{Config, Engine};
/// use atrion_state::FakeClock;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
/// let tick = Duration::from_millis(100);
/// let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), tick)?;
/// let route = engine.route("api/checkout");
/// route.admit(Tier::Normal)?.finish(Outcome::Success);
///
/// clock.advance(tick);
/// assert_eq!(engine.pulse(engine.now()).computed, 1);
/// assert_eq!(route.snapshot().counts.succeeded(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Engine {
    commons: Arc<Commons>,
    routes: Arc<Routes>,
    overrides: Overrides,
    observers: Arc<Fanout>,
    manager: StateManager,
    roster: Mutex<Roster>,
    /// Locked before the physics of a route, and never while an observer is told something.
    fleet: Mutex<Fleet>,
    /// A node has joined since the last pulse.
    joined: Arc<AtomicBool>,
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
        let observers = Arc::new(Fanout::new(observers));
        let commons = Arc::new(Commons::new(clock, interval, &observers));
        let now = commons.now();
        let routes = Arc::new(Routes::new(config, Arc::clone(&commons), now));
        Ok(Self {
            overrides: Overrides::new(Arc::clone(&commons)),
            routes,
            commons,
            observers,
            manager: StateManager::new(),
            roster: Mutex::new(Roster::new(now)),
            fleet: Mutex::default(),
            joined: Arc::default(),
        })
    }

    /// The routes of this engine.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The route of that name, made if it is new: [`Routes::route`].
    #[must_use]
    pub fn route(&self, name: &str) -> Route {
        self.routes.route(name)
    }

    /// The group of that name, made if it is new: routes that share a pool.
    ///
    /// A name that cannot be one (empty, over 255 bytes, control characters), or for which there is
    /// no place, gets the overflow route's gate, as a route would.
    #[must_use]
    pub fn group(&self, name: &str) -> Group {
        Group::new(self.routes.group(name), Arc::clone(&self.routes))
    }

    /// What operators have set by hand.
    #[must_use]
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// From now on the gates of all routes count what peers say through this provider, as far as it
    /// [shares](StateProvider::sharing) and the configuration allows, and what happens behind it is
    /// told to this engine's observers. [`Atrion`](crate::Atrion) does this by itself.
    pub fn listen_to(&self, provider: Arc<dyn StateProvider>) {
        let (observers, joined) = (Arc::downgrade(&self.observers), Arc::clone(&self.joined));
        let registry = self.routes.registry();
        // The provider may outlive this engine: it keeps nothing of it alive.
        provider.attach(Arc::new(Relay { observers, joined }));
        provider.attach_merged_scars(Arc::new(GateScars(Arc::downgrade(registry))));
        lock(&self.fleet).join(provider, registry);
    }

    /// COMPUTE and BUFFER for every route that needs it. Events come out at the observers.
    pub fn pulse(&self, now: Mono) -> PulseReport {
        let absent = self.beat(now);
        let mut roster = lock(&self.roster);
        let registry = self.routes.registry();
        let fresh = registry.take_fresh();
        let joined = self.joined.swap(false, Relaxed);
        let config = self.routes.in_force();
        let peers = {
            let mut fleet = lock(&self.fleet);
            let peers = fleet.reader(&config.config.fleet, &self.manager);
            fleet.gather(joined, peers.is_some(), &fresh, registry);
            peers
        };
        roster.enlist(fresh);
        let signals = self.read_signals(now);
        let beat = Beat {
            peers: peers.as_ref(),
            now,
            absent,
            wall: self.commons.clock.wall(),
            interval: self.commons.interval,
            signals: &signals,
            manager: &self.manager,
            observers: &self.observers,
        };
        let mut resting = Vec::new();
        let computed = roster.beat(&beat, |cell| resting.push(Arc::clone(cell)));
        self.visit_listening(peers.as_ref(), &resting, now);
        self.report_overflow(&mut roster, config.config.max_routes, now);
        drop(roster);
        self.overrides.expire(now);
        self.overrides.end_overdue_leases(now, absent);
        self.commons.queues.pulse(now);
        self.routes.report_unmatched(now);
        PulseReport { computed, dirty: self.manager.dirty() }
    }

    /// Every gate that a signal has moved gets a tick.
    fn read_signals(&self, now: Mono) -> Arc<Strongest> {
        let (moved, events) = self.commons.signals.tick(now);
        events.into_iter().for_each(|event| self.tell(|| event));
        let registry = self.routes.registry();
        match moved {
            Moved::None => {}
            Moved::These(gates) => {
                let cells = gates.iter().filter_map(|gate| registry.get(gate.as_str()));
                cells.for_each(|cell| cell.live().touch());
            }
            Moved::All => registry.all().iter().for_each(|cell| cell.live().touch()),
        }
        self.commons.signals.strongest()
    }

    /// The signal of that name, made if it is new: [`Atrion::signal`](crate::Atrion::signal).
    ///
    /// # Errors
    /// [`SignalError`] says what does not fit.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<Gauge, SignalError> {
        self.commons.signals.signal(name, signal, &self.commons.clock)
    }

    /// The same with a callback: [`Atrion::signal_from`](crate::Atrion::signal_from).
    ///
    /// # Errors
    /// [`SignalError`] says what does not fit.
    pub fn signal_from(
        &self,
        name: &str,
        signal: Signal,
        read: impl FnMut() -> f64 + Send + 'static,
    ) -> Result<Gauge, SignalError> {
        let gauge = self.signal(name, signal)?;
        gauge.ask(self.commons.interval, read)?;
        Ok(gauge)
    }

    /// Measures what the process can run out of: [`Atrion::watch`](crate::Atrion::watch).
    ///
    /// # Errors
    /// [`SignalError`] says what does not fit, or cannot be measured.
    pub fn watch(&self, resource: Resource, signal: Signal) -> Result<Gauge, SignalError> {
        let Commons { clock, interval, .. } = &*self.commons;
        resource::watch(resource, clock, *interval, || self.signal(resource.as_str(), signal))
    }

    /// The pulse is there; returns how long it was away before, if it was.
    fn beat(&self, now: Mono) -> Duration {
        let was_stalled = self.commons.heartbeat.is_stalled(now);
        let absent = self.commons.heartbeat.beat(now);
        if was_stalled {
            self.tell(|| Event::PulseResumed { absent });
        }
        absent
    }

    /// The gates of routes on which nothing happens follow the scars of peers all the same.
    fn visit_listening(&self, peers: Option<&PeerReader<'_>>, resting: &[Arc<RouteCell>], now: Mono) {
        let mut moves = Vec::new();
        let mut fleet = lock(&self.fleet);
        resting.iter().for_each(|cell| fleet.attend(cell));
        fleet.retain(|cell| {
            let (moved, hears) = cell.visit(peers, now);
            moves.extend(moved.map(|moved| (cell.id().clone(), moved)));
            hears
        });
        // Unlocked before an observer is told: it may hand in telemetry of its own.
        drop(fleet);
        for (route, moved) in moves {
            self.tell(|| moved.event(route));
        }
    }

    /// Names that have found no place are reported, and places are made for them.
    fn report_overflow(&self, roster: &mut Roster, limit: usize, now: Mono) {
        let registry = self.routes.registry();
        let turned_away = registry.take_turned_away();
        if turned_away == 0 {
            return;
        }
        self.tell(|| Event::RoutesOverflowed { limit, refused: turned_away });
        // More routes than the limit are left by a configuration with a higher one.
        if let Some(over) = registry.len().checked_sub(limit) {
            let wanted = turned_away.saturating_add(over as u64);
            roster.evict(wanted, now, registry, &self.manager);
        }
    }

    /// Ends the wait of requests whose patience is over ([`Route::acquire`]), and says when the next
    /// one's is: for the driver of an engine, beside the pulse, which does the same.
    /// [`Atrion`](crate::Atrion) does it by itself.
    pub fn end_waits(&self, now: Mono) -> Option<Mono> {
        self.commons.queues.end_overdue(now)
    }

    /// COMPUTE with a measurement that the caller has made itself (RFC-0007 section 9), for one
    /// route and at once.
    ///
    /// # Errors
    /// [`TelemetryError`] names the component that is not a number or out of range. The route keeps
    /// the state it had.
    pub fn update_physics(&self, route: &str, telemetry: Telemetry) -> Result<RouteSnapshot, TelemetryError> {
        let telemetry = telemetry.check()?;
        let route = self.route(route);
        let (now, cell) = (self.commons.now(), route.cell());
        let peers = lock(&self.fleet).reader(&self.routes.in_force().config.fleet, &self.manager);
        let mut ticks = TickCache::default();
        let (interval, absent) = (self.commons.interval, Duration::ZERO);
        let signalled = self.commons.signals.strongest().at(cell.id());
        let given = Given { now, interval, absent, report: Some(telemetry), signalled };
        let computed = cell.compute(&given, peers.as_ref(), &mut ticks);
        cell.live().touch();
        if let Some(moved) = computed.moved {
            self.tell(|| moved.event(cell.id().clone()));
        }
        if computed.from != computed.to {
            let (from, to, resistance) = (computed.from, computed.to, computed.vector.resistance);
            self.tell(|| Event::ModeChanged { route: cell.id().clone(), from, to, resistance });
        }
        Ok(route.snapshot())
    }

    /// Replaces the configuration of the running instance. No state is lost.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong; the old configuration stays in force, whole.
    pub fn replace_config(&self, config: Config) -> Result<(), ConfigError> {
        self.routes.replace_config(config)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.routes.in_force().config.clone()
    }

    /// Every route, by name.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let is_stalled = self.is_stalled();
        let (routes, signals) = (self.routes.snapshots(), self.commons.signals.snapshots(self.now()));
        let lost_leases = self.commons.leases.lost(self.commons.clock.wall());
        Snapshot { routes, signals, lost_leases, degraded: is_stalled, stalled: is_stalled }
    }

    /// The cache of this node's vectors, and what the store has not seen of them.
    #[must_use]
    pub fn manager(&self) -> &StateManager {
        &self.manager
    }

    /// Takes what a provider has kept of a route. True if the route took it over: it has if it had
    /// measured nothing yet.
    pub fn restore(&self, id: &RouteId, found: PhysicsVector) -> bool {
        let now = self.commons.now();
        let Ok(route) = self.routes.try_route(id.as_str()) else { return false };
        // A name without a place must neither scar all names that share the overflow route nor be
        // remembered.
        if route.id() != id {
            return false;
        }
        let Some(restored) = self.manager.restore(id, Some(found), now) else { return false };
        route.cell().restore(&restored, now)
    }

    /// Routes that have been created since this was last asked: a provider may know them. Of more
    /// than 1,024 the first; the others start cold.
    #[must_use]
    pub fn take_cold(&self) -> Vec<RouteId> {
        self.routes.take_cold()
    }

    /// How long ago the latest pulse was; before the first, how long ago the engine was made.
    #[must_use]
    pub fn pulse_age(&self) -> Duration {
        self.commons.heartbeat.age(self.commons.now())
    }

    /// No pulse has come for ten intervals, and a second at least: gates do not learn any more, and
    /// a fresh route protects nothing.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.commons.heartbeat.is_stalled(self.commons.now())
    }

    /// The instance's clock, in the units of `admit_at` and `finish_at`.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.commons.now()
    }

    pub(crate) fn commons(&self) -> &Arc<Commons> {
        &self.commons
    }

    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        self.commons.tell(event);
    }
}

/// What a provider may ask of an engine that is still there.
struct GateScars(Weak<Registry>);

impl MergedScars for GateScars {
    fn merged_scar(&self, route: &RouteId) -> Option<Ohms> {
        self.0.upgrade()?.get(route.as_str())?.physics().merged_scar()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("routes", &self.routes.registry().len()).finish_non_exhaustive()
    }
}
