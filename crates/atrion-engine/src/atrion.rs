// SPDX-License-Identifier: Apache-2.0
//! The instance that a service holds: an engine, a provider, and the task between them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use atrion_core::{Mono, Telemetry, TelemetryError};
use atrion_state::{Event, Health, ProviderStats, Register, RouteId, Sharing, StateProvider};
use tokio::sync::{broadcast, watch};

use crate::choose;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::events::Events;
use crate::group::Group;
use crate::overrides::Overrides;
use crate::resource::Resource;
use crate::route::Route;
use crate::routes::Routes;
use crate::runtime::{Deadline, Status, Stop, Watch};
use crate::signal::{Gauge, Signal, SignalError};
use crate::snapshot::{RouteSnapshot, Snapshot};

/// Adaptive admission control for one process.
///
/// Cheap to clone; all clones are the same instance. When the last clone is dropped the pulse
/// stops; routes that are still held then keep deciding by their last gate, which protects nothing
/// for long and is logged as a warning. Keep a clone for as long as the routes.
/// [`shutdown`](Self::shutdown) also writes the state out.
///
/// ```
/// use atrion_core::{Outcome, Tier};
/// use atrion_engine::Atrion;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let atrion = Atrion::builder().connect().await?;
/// let route = atrion.route("api/checkout");
/// match route.admit(Tier::Normal) {
///     Ok(permit) => permit.finish(Outcome::Success),
///     Err(shed) => println!("{shed}; again in {:?}", shed.retry_after()),
/// }
/// atrion.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Atrion(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Arc<Engine>,
    provider: Arc<dyn StateProvider>,
    events: broadcast::Sender<Event>,
    status: watch::Receiver<Status>,
    stop: watch::Sender<Stop>,
    /// Notices a pulse that is not driven.
    _watch: Watch,
}

impl Inner {
    /// The first word counts. Whether this one was it.
    fn stop(&self, how: Stop) -> bool {
        self.stop.send_if_modified(|stop| {
            let running = *stop == Stop::No;
            if running {
                *stop = how;
            }
            running
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.stop(Stop::AtOnce)
            && let Some(route) = self.engine.routes().held()
        {
            tracing::warn!(name: "atrion.instance.dropped", target: "atrion", %route, "the last handle of the instance is gone, and one of this route is kept: its gate moves no more; keep an Atrion for as long as its routes, or shut it down");
        }
    }
}

impl Atrion {
    pub(crate) fn new(
        engine: Arc<Engine>,
        provider: Arc<dyn StateProvider>,
        events: broadcast::Sender<Event>,
        status: watch::Receiver<Status>,
        stop: watch::Sender<Stop>,
    ) -> Self {
        let watch = Watch::begin(engine.commons());
        Self(Arc::new(Inner { engine, provider, events, status, stop, _watch: watch }))
    }

    /// The routes of this instance.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        self.0.engine.routes()
    }

    /// The route of that name, made if it is new: [`Routes::route`]. Keep the handle where it is
    /// used often.
    #[must_use]
    pub fn route(&self, name: &str) -> Route {
        self.0.engine.route(name)
    }

    /// The group of that name, made if it is new: routes that share a pool, and are admitted by its
    /// gate and by their own. See [`Group`].
    ///
    /// A name that cannot be one (empty, over 255 bytes, control characters), or for which there is
    /// no place, gets the overflow route's gate, as a route would.
    #[must_use]
    pub fn group(&self, name: &str) -> Group {
        self.0.engine.group(name)
    }

    /// What operators have set by hand: to look at, to set, to lift.
    #[must_use]
    pub fn overrides(&self) -> &Overrides {
        self.0.engine.overrides()
    }

    /// COMPUTE with a measurement that the caller has made itself (RFC-0007 section 9), for one
    /// route and at once.
    ///
    /// ```
    /// use atrion_core::Telemetry;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let measured = Telemetry { latency: 0.2, error_rate: 0.0, saturation: 0.9 };
    /// let route = atrion.update_physics("db/orders", measured)?;
    /// println!("{} has R = {}", route.id, route.resistance);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TelemetryError`] names the component that is not a number or out of range. The route keeps
    /// the state it had.
    pub fn update_physics(&self, route: &str, telemetry: Telemetry) -> Result<RouteSnapshot, TelemetryError> {
        self.0.engine.update_physics(route, telemetry)
    }

    /// Chooses one of several routes that can do the same work: softmax over their resistances,
    /// never one with an open breaker. `None` if all are open or there is none. The larger `beta`,
    /// the more the choice follows the resistance; per ohm, 0 is an even choice.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let replicas = ["db/a", "db/b"].map(|name| atrion.route(name));
    /// let chosen = atrion.select(&replicas, 0.1).expect("no breaker is open");
    /// println!("the next query goes to {}", chosen.id());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn select<'r>(&self, routes: impl IntoIterator<Item = &'r Route>, beta: f64) -> Option<&'r Route> {
        choose::select(routes, beta)
    }

    /// The signal of that name, made if it is new: a gauge that the application knows better than
    /// any measurement, such as the use of a pool, as a term of R. A name that is known has the
    /// meaning that was given last. At most 64.
    ///
    /// ```
    /// use atrion_engine::Signal;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// // Nothing up to 80 %, critical requests alone at 100 %.
    /// let pool = atrion.signal("db pool", Signal::target(0.8).group("db"))?;
    /// pool.set(0.93); // whenever it is known; it counts from the next pulse on
    /// assert_eq!(atrion.snapshot().signals[0].reading, Some(0.93));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SignalError`] says what does not fit.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<Gauge, SignalError> {
        self.0.engine.signal(name, signal)
    }

    /// The same where the number has to be asked for: `read` is called once in each pulse's
    /// interval, on a thread of its own. One that hangs or panics silences this signal alone, and
    /// that is told ([`Event::SignalLost`]).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// use atrion_engine::Signal;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let jobs = Arc::new(AtomicU64::new(0));
    /// let waiting = Arc::clone(&jobs);
    /// atrion.signal_from("jobs", Signal::target(500.0).edge(2_000.0), move || waiting.load(Relaxed) as f64)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SignalError`] says what does not fit.
    pub fn signal_from(
        &self,
        name: &str,
        signal: Signal,
        read: impl FnMut() -> f64 + Send + 'static,
    ) -> Result<Gauge, SignalError> {
        self.0.engine.signal_from(name, signal, read)
    }

    /// Measures what the process can run out of, as a signal: `resource.usual()`, or with numbers of
    /// your own.
    ///
    /// ```
    /// use atrion_engine::{Resource, SignalError};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// for resource in [Resource::Memory, Resource::Throttling, Resource::SchedulingDelay] {
    ///     match atrion.watch(resource, resource.usual()) {
    ///         Ok(_) => {}
    ///         Err(unlimited @ SignalError::Unmeasurable(..)) => println!("{unlimited}"),
    ///         Err(wrong) => return Err(wrong.into()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SignalError::Unmeasurable`] where there is no limit to measure against, and the others of a
    /// signal.
    pub fn watch(&self, resource: Resource, signal: Signal) -> Result<Gauge, SignalError> {
        self.0.engine.watch(resource, signal)
    }

    /// Replaces the configuration of the running instance. No state is lost.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let config = atrion.config().max_routes(500);
    /// atrion.replace_config(config)?;
    /// assert!(atrion.replace_config(atrion.config().max_routes(0)).is_err());
    /// assert_eq!(atrion.config().max_routes, 500);
    /// # Ok(())
    /// # }
    /// ```
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

    /// Every route at this moment. For people and exporters; requests do not need it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { degraded: self.is_degraded(), ..self.0.engine.snapshot() }
    }

    /// The provider fails at present and the instance works from what it has in memory, or no pulse
    /// comes.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.is_stalled() || self.is_without_store()
    }

    /// No pulse has come for ten intervals, and a second at least: the runtime is gone, is not
    /// driven, or its threads are blocked. Gates do not learn any more, and a fresh route protects
    /// nothing. [`Event::PulseStalled`] says so within a few seconds.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.0.engine.is_stalled()
    }

    fn is_without_store(&self) -> bool {
        // A provider that goes to its store by itself knows of failures that the pulse does not
        // see.
        self.0.status.borrow().failure.is_some()
            || matches!(self.0.provider.health(), Health::Degraded { .. })
    }

    /// How the stores behind the provider are and what they have counted, one entry for each; at
    /// least one.
    #[must_use]
    pub fn provider_stats(&self) -> Vec<ProviderStats> {
        let provider = &self.0.provider;
        let stats = provider.stats();
        if !stats.is_empty() {
            return stats;
        }
        let status = self.0.status.borrow().clone();
        let health = match provider.health() {
            Health::Up => status.health(),
            health => health,
        };
        let lag = status.lag(self.0.engine.manager(), self.now());
        vec![ProviderStats::new(provider.capabilities().name).health(health).lag(lag)]
    }

    /// What the other nodes of the fleet say of a route, aged to now, sorted by node. Empty without
    /// a provider that shares.
    #[must_use]
    pub fn view(&self, route: &RouteId) -> Vec<Register> {
        self.0.provider.view(route)
    }

    /// How this node listens to its fleet: as the provider says, with what the configuration sets
    /// in its place. `None` without a provider that shares.
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

    /// A handle that does not keep the instance alive: for exporters and other readers.
    #[must_use]
    pub fn downgrade(&self) -> WeakAtrion {
        WeakAtrion(Arc::downgrade(&self.0))
    }

    /// Stops the pulse, writes the state out and disconnects the provider; takes four seconds at
    /// the most, whatever the provider does, whether or not the pulse's runtime is driven, and on
    /// whatever executor. Routes go on deciding by their last gate. Repeat-safe.
    pub async fn shutdown(&self) {
        self.0.stop(Stop::Orderly);
        let mut status = self.0.status.clone();
        let mut limit = Deadline::after(SHUTDOWN);
        let ended = tokio::select! {
            // An error means that the driver is gone, which is what is being waited for.
            _ = status.wait_for(|status| status.stopped) => true,
            () = limit.over() => false,
        };
        if !ended {
            tracing::warn!(name: "atrion.shutdown.given_up", target: "atrion", "the pulse does not end: its runtime is not driven, and the last push is lost");
        }
    }
}

/// An orderly end takes no longer.
const SHUTDOWN: Duration = Duration::from_secs(4);

/// A handle to an [`Atrion`] that does not keep it alive. Made by [`Atrion::downgrade`].
#[derive(Debug, Clone)]
pub struct WeakAtrion(Weak<Inner>);

impl WeakAtrion {
    /// The instance, while another handle holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Atrion> {
        self.0.upgrade().map(Atrion)
    }
}
