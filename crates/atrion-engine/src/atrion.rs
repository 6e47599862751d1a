// SPDX-License-Identifier: Apache-2.0
//! The instance that a service holds: an engine, a provider, and the task between them.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};
use std::time::Duration;

use atrion_core::{Mono, Telemetry, TelemetryError};
use atrion_state::{
    Clock, Event, Health, InMemoryProvider, Observer, ProviderStats, PulseConfig, Register, RouteId,
    RouteIdError, Sharing, StateProvider, SystemClock,
};
use tokio::sync::{broadcast, watch};

use crate::choose;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::events::{Broadcast, Events, Tracing};
use crate::overrides::{Override, OverrideError};
use crate::queued::Queued;
use crate::recording::Kept;
#[cfg(feature = "recording")]
use crate::recording::{RecordError, Recorder, Recording};
use crate::refusals::RefusalSample;
use crate::route::Route;
use crate::runtime::{Driver, Status};
use crate::snapshot::{RouteSnapshot, Snapshot};

/// Adaptive admission control for one process.
///
/// Cheap to clone; all clones are the same instance. When the last clone is dropped the pulse stops; routes that are
/// still held then keep deciding by their last gate. [`shutdown`](Self::shutdown) also writes the state out.
#[derive(Debug, Clone)]
pub struct Atrion(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Arc<Engine>,
    provider: Arc<dyn StateProvider>,
    events: broadcast::Sender<Event>,
    status: watch::Receiver<Status>,
    stop: watch::Sender<Stop>,
}

/// How the driver is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Write everything out first.
    Orderly,
    /// Nobody is left who could wait.
    AtOnce,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.send_if_modified(|stop| {
            let running = *stop == Stop::No;
            if running {
                *stop = Stop::AtOnce;
            }
            running
        });
    }
}

impl Atrion {
    /// Starts to build an instance. Nothing has to be set.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The route of that name, made if it is new. Keep the handle where it is used often.
    ///
    /// A name that cannot be one (empty, over 256 bytes, control characters), or for which there is no place, gets the
    /// overflow route, which protects as every other does; that is counted and reported. Use templates
    /// (`GET /users/{id}`) and never raw paths as names.
    #[must_use]
    pub fn route(&self, name: &str) -> Route {
        self.0.engine.route(name)
    }

    /// The route of that name, made if it is new.
    ///
    /// # Errors
    /// [`RouteIdError`] says why the name cannot be one.
    pub fn try_route(&self, name: &str) -> Result<Route, RouteIdError> {
        self.0.engine.try_route(name)
    }

    /// COMPUTE with a measurement that the caller has made itself (RFC-0007 section 9), for one route and at once.
    ///
    /// # Errors
    /// [`TelemetryError`] names the component that is not a number or out of range. The route keeps the state it had.
    pub fn update_physics(&self, route: &str, telemetry: Telemetry) -> Result<RouteSnapshot, TelemetryError> {
        self.0.engine.update_physics(route, telemetry)
    }

    /// Chooses one of several routes that can do the same work: softmax over their resistances, never one with an open
    /// breaker. `None` if all are open or there is none. The larger `beta`, the more the choice follows the resistance;
    /// per ohm, 0 is an even choice.
    #[must_use]
    pub fn select<'r>(&self, routes: impl IntoIterator<Item = &'r Route>, beta: f64) -> Option<&'r Route> {
        choose::select(routes, beta)
    }

    /// Replaces the configuration of the running instance. No state is lost.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong; the old configuration stays in force, whole.
    pub fn replace_config(&self, config: Config) -> Result<(), ConfigError> {
        self.0.engine.replace_config(config)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.engine.config()
    }

    /// Takes a route over by hand, for a time.
    ///
    /// # Errors
    /// [`OverrideError`] if there is no reason or no end.
    pub fn set_override(&self, route: &Route, wanted: Override) -> Result<(), OverrideError> {
        self.0.engine.set_override(route, wanted)
    }

    /// Lifts an override before its time. False if there was none.
    pub fn lift_override(&self, route: &Route) -> bool {
        self.0.engine.lift_override(route)
    }

    /// The same, and says in the event who did it: the first 100 characters of a name.
    pub fn lift_override_as(&self, route: &Route, who: &str) -> bool {
        self.0.engine.lift_override_as(route, who)
    }

    /// What somebody has set on a route by hand: what, why, and for how much longer.
    #[must_use]
    pub fn override_of(&self, route: &Route) -> Option<Override> {
        self.0.engine.override_of(route)
    }

    /// Every override in force, by route.
    #[must_use]
    pub fn overrides(&self) -> Vec<(RouteId, Override)> {
        self.0.engine.overrides()
    }

    /// A few of the latest refusals after the sample of that `number` (0: all that are kept), with every term, oldest
    /// first: at most five a second and route, 512 in all. Asking keeps the sampling on for ten seconds; while nobody
    /// asks none are kept.
    #[must_use]
    pub fn refusals_after(&self, number: u64) -> Vec<RefusalSample> {
        self.0.engine.refusals_after(number)
    }

    /// Keeps what a route measures and decides in memory, for the latest `span`, as long as the handle is held: about
    /// 0.3 MB for each minute of a busy route.
    #[must_use]
    pub fn keep(&self, route: &Route, span: Duration) -> Kept {
        self.0.engine.keep(route, span)
    }

    /// Records what a route measures and decides into a file, until the recorder is dropped or the recording is as large
    /// as it may be: about 5 kB a second, nothing while the route is idle. `docs/replay.md` says what to do with it.
    ///
    /// It opens the file, so it may block; no pulse and no request ever waits for it.
    ///
    /// # Errors
    /// [`RecordError`] if the file or its thread cannot be made.
    #[cfg(feature = "recording")]
    #[cfg_attr(docsrs, doc(cfg(feature = "recording")))]
    pub fn record(&self, route: &Route, recording: Recording) -> Result<Recorder, RecordError> {
        self.0.engine.record(route, recording)
    }

    /// Every route at this moment. For people and exporters; requests do not need it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { degraded: self.is_degraded(), ..self.0.engine.snapshot() }
    }

    /// The provider fails at present, and the instance works from what it has in memory.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        // A provider that goes to its store by itself knows of failures that the pulse does not see.
        self.0.status.borrow().degraded || matches!(self.0.provider.health(), Health::Degraded { .. })
    }

    /// How the stores behind the provider are and what they have counted, one entry for each; at least one.
    #[must_use]
    pub fn provider_stats(&self) -> Vec<ProviderStats> {
        let provider = &self.0.provider;
        let stats = provider.stats();
        if !stats.is_empty() {
            return stats;
        }
        let Status { degraded, behind_since, .. } = *self.0.status.borrow();
        let health = match provider.health() {
            Health::Up if degraded => Health::Degraded { reason: "pushes or pulls fail".into() },
            health => health,
        };
        let lag = behind_since.map_or(Duration::ZERO, |since| self.now().since(since));
        vec![ProviderStats::new(provider.capabilities().name).health(health).lag(lag)]
    }

    /// What the other nodes of the fleet say of a route, aged to now, sorted by node. Empty without a provider that shares.
    #[must_use]
    pub fn view(&self, route: &RouteId) -> Vec<Register> {
        self.0.provider.view(route)
    }

    /// How this node listens to its fleet: as the provider says, with what the configuration sets in its place. `None`
    /// without a provider that shares.
    #[must_use]
    pub fn sharing(&self) -> Option<Sharing> {
        Some(self.0.engine.config().fleet.of(self.0.provider.sharing()?))
    }

    /// Events from now on. A subscriber that falls behind loses the oldest and is told how many.
    #[must_use]
    pub fn subscribe(&self) -> Events {
        Events::new(self.0.events.subscribe())
    }

    /// The instance's clock, in the units of `admit_at` and `finish_at`.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.0.engine.now()
    }

    /// The engine below, for exporters and tools.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// A handle that does not keep the instance alive: for exporters and others who only look, when they are asked to.
    #[must_use]
    pub fn downgrade(&self) -> WeakAtrion {
        WeakAtrion(Arc::downgrade(&self.0))
    }

    /// Stops the pulse, writes the state out and disconnects the provider; takes four seconds at the most, whatever the
    /// provider does. Routes go on deciding by their last gate. Repeat-safe.
    pub async fn shutdown(&self) {
        self.0.stop.send_if_modified(|stop| {
            let running = *stop == Stop::No;
            if running {
                *stop = Stop::Orderly;
            }
            running
        });
        let mut status = self.0.status.clone();
        // An error means that the driver is gone, which is what is being waited for.
        let _ = status.wait_for(|status| status.stopped).await;
    }
}

/// A handle to an [`Atrion`] that does not keep it alive. Made by [`Atrion::downgrade`].
#[derive(Debug, Clone)]
pub struct WeakAtrion(Weak<Inner>);

impl WeakAtrion {
    /// The instance, while somebody else holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Atrion> {
        self.0.upgrade().map(Atrion)
    }
}

/// What an instance is made of. Every part has a default.
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    config: Config,
    pulse: PulseConfig,
    provider: Arc<dyn StateProvider>,
    clock: Arc<dyn Clock>,
    observers: Observers,
}

#[derive(Default)]
struct Observers(Vec<Arc<dyn Observer>>);

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            // Nodes that start together must not back off together.
            pulse: PulseConfig::default().with_jitter_seed(RandomState::new().hash_one(0u8)),
            provider: Arc::new(InMemoryProvider::new()),
            clock: Arc::new(SystemClock),
            observers: Observers::default(),
        }
    }
}

/// Why an instance was not built. A store that cannot be reached is no reason: the instance then starts degraded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no tokio runtime to run the pulse on.
    #[error("no tokio runtime here: call connect inside one, or drive an Engine yourself")]
    NoRuntime,
}

impl Builder {
    /// Sets the configuration.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets how often the pulse beats and how patient it is with the provider, and the seed of its back-off: give every
    /// node its own. By default it is drawn at random.
    pub fn pulse(mut self, pulse: PulseConfig) -> Self {
        self.pulse = pulse;
        self
    }

    /// Sets where state is kept. In memory by default.
    pub fn provider(self, provider: impl StateProvider) -> Self {
        self.shared_provider(Arc::new(provider))
    }

    /// Sets where state is kept, by a handle that the caller goes on using.
    pub fn shared_provider(mut self, provider: Arc<dyn StateProvider>) -> Self {
        self.provider = provider;
        self
    }

    /// Sets the clock. The machine's by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Adds somebody who is told what happens, on the pulse's task: he must be quick. A panic in one harms nobody else.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.0.push(observer);
        self
    }

    /// The same for somebody who may take his time: he gets a thread and a bounded queue of his own ([`Queued`]), so that
    /// he delays nothing, and loses events rather than that.
    pub fn queued_observer(self, observer: Arc<dyn Observer>) -> Self {
        self.observer(Arc::new(Queued::new(observer)))
    }

    /// Connects the provider, starts warm from what it has kept, and spawns the pulse on the current tokio runtime.
    ///
    /// It takes two seconds at the most, whatever the provider does: traffic matters more than state.
    ///
    /// # Errors
    /// [`BuildError`] if the configuration is not valid or there is no runtime.
    pub async fn connect(self) -> Result<Atrion, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let mut observers = self.observers.0;
        observers.push(Arc::new(Tracing::default()));
        observers.push(Arc::new(Broadcast(events.clone())));
        let engine = Engine::new(self.config, self.clock, observers, self.pulse.interval())?;
        let engine = Arc::new(engine);
        let (stop, stopping) = watch::channel(Stop::No);
        let provider = self.provider;
        let (driver, status) =
            Driver::connect(Arc::clone(&engine), Arc::clone(&provider), self.pulse, stopping, CONNECT_BUDGET)
                .await;
        // The task holds the engine, not the instance: it ends when the last instance is dropped.
        runtime.spawn(driver.run());
        Ok(Atrion(Arc::new(Inner { engine, provider, events, status, stop })))
    }
}

const EVENTS_KEPT: usize = 1024;
const CONNECT_BUDGET: Duration = Duration::from_secs(1);
