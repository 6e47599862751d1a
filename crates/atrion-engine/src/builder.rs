// SPDX-License-Identifier: Apache-2.0
//! How an instance is put together and started.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use atrion_state::{Clock, InMemoryProvider, Observer, PulseConfig, StateProvider, SystemClock};
use tokio::sync::{broadcast, mpsc, watch};

use crate::atrion::Atrion;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::events::{Broadcast, Tracing};
use crate::lease;
use crate::queued::Queued;
use crate::runtime::{Driven, Driver, Line, Stop, end_waits};

/// What an instance is made of. Every part has a default.
///
/// ```
/// use std::time::Duration;
///
/// use atrion_engine::{Atrion, Config};
/// use atrion_state::{InMemoryProvider, PulseConfig};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let atrion = Atrion::builder()
///     .config(Config::default().slo(Duration::from_millis(250)))
///     .pulse(PulseConfig::default())
///     .provider(InMemoryProvider::new())
///     .connect()
///     .await?;
/// assert!(!atrion.is_degraded());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    config: Config,
    pulse: PulseConfig,
    provider: Arc<dyn StateProvider>,
    clock: Option<Arc<dyn Clock>>,
    observers: Observers,
}

/// Events that a slow subscriber may be behind by before it loses the oldest.
const EVENTS_KEPT: usize = 1024;

/// `connect` and the warm start together may take this long.
const CONNECT_BUDGET: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Observers(Vec<Arc<dyn Observer>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            clock: None,
            observers: Observers::default(),
        }
    }
}

impl Atrion {
    /// Starts to build an instance. Nothing has to be set.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// Why an instance was not built. A store that cannot be reached is no reason: the instance then
/// starts degraded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no tokio runtime to run the pulse on.
    #[error("no tokio runtime here: call connect inside one, or drive an Engine yourself")]
    NoRuntime,
    /// The tokio runtime has no timers, and the pulse needs them.
    #[error("this tokio runtime has no timers: build it with `enable_time` or `enable_all`")]
    NoTimers,
}

impl Builder {
    /// Sets the configuration.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets how often the pulse beats and how patient it is with the provider, and the seed of its
    /// back-off: every node needs its own. By default it is drawn at random.
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

    /// Sets the clock. By default it is [`SystemClock`], with the processor's counter in use
    /// ([`SystemClock::use_counter`]).
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Adds an observer that is told what happens, on the pulse's task: it must be quick. A panic
    /// in one harms no other.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.0.push(observer);
        self
    }

    /// The same for an observer that may take its time: it gets a thread and a bounded queue of its
    /// own ([`Queued`]), so that it delays nothing. If the queue is full it loses events.
    pub fn queued_observer(self, observer: Arc<dyn Observer>) -> Self {
        self.observer(Arc::new(Queued::new(observer)))
    }

    /// Connects the provider, starts warm from what it has kept, and spawns the pulse on the
    /// current tokio runtime.
    ///
    /// It takes two seconds at the most, whatever the provider does: traffic matters more than
    /// state.
    ///
    /// # Errors
    /// [`BuildError`] if the configuration is not valid, or if there is no runtime or none with
    /// timers. In a build with `panic = "abort"` a runtime without timers ends the process with
    /// tokio's message that says so: tokio answers that question by a panic alone.
    pub async fn connect(self) -> Result<Atrion, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        if !has_timers() {
            return Err(BuildError::NoTimers);
        }
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let mut observers = self.observers.0;
        observers.push(Arc::new(Tracing::default()));
        observers.push(Arc::new(Broadcast(events.clone())));
        let clock = self.clock.unwrap_or_else(|| {
            SystemClock::use_counter();
            Arc::new(SystemClock)
        });
        let engine = Engine::new(self.config, clock, observers, self.pulse.interval())?;
        let engine = Arc::new(engine);
        engine.listen_to(Arc::clone(&self.provider));
        let ((stop, stopping), (_, flush)) = (watch::channel(Stop::No), mpsc::channel(1));
        let line = Line { stop: stopping, flush };
        let (mut driver, status) =
            Driver::new(Arc::clone(&engine), Arc::clone(&self.provider), self.pulse, line);
        driver.start(CONNECT_BUDGET).await;
        // The task holds the engine, not the instance: it ends when the last instance is dropped.
        let driven = Driven::begin(&engine, driver.stop());
        runtime.spawn(end_waits(Arc::clone(engine.commons()), driver.stop()));
        let leases = lease::keep(Arc::clone(engine.commons()), Arc::clone(&self.provider), driver.stop());
        driver.beside(runtime.spawn(leases));
        runtime.spawn(async move {
            // An error is in the log, and no caller is left to hear of it.
            let _ = driver.run().await;
            driven.end();
        });
        Ok(Atrion::new(engine, self.provider, events, status, stop))
    }
}

/// Whether the current runtime has timers. Tokio has no question for it: a timer panics there,
/// which ends the process where panics abort.
fn has_timers() -> bool {
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}
