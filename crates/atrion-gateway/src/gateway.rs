// SPDX-License-Identifier: Apache-2.0
//! A gateway that runs: put together, replaced while it runs, ended in good order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use atrion::api::Api;
use atrion::{Atrion, BuildError};
use rustls::pki_types::ServerName;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::access::Log;
use crate::admin::Admin;
use crate::callers::Callers;
use crate::client::Phase;
use crate::config::{Address, Config, Listener, Upstream as Settings};
use crate::connection::Expected;
use crate::ext_proc;
use crate::listener::{Bound, listen};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::provider;
use crate::service::{Rules, Shared};
use crate::start_error::StartError;
use crate::studio;
use crate::tls::{self, TlsError};
use crate::upstream::{Connector, Upstream};

/// A gateway that runs.
pub struct Gateway {
    atrion: Atrion,
    shared: Arc<Shared>,
    admin: Arc<Admin>,
    admin_address: Address,
    processor_address: Option<Address>,
    admin_task: JoinHandle<()>,
    phase: watch::Sender<Phase>,
    places: Places,
    envoys: Places,
    /// It is served as long as the gateway is there.
    studio: studio::Served,
    running: Mutex<Running>,
}

/// What a new configuration changes. The lock is held by one who changes it.
struct Running {
    config: Config,
    listeners: HashMap<Address, Listening>,
    upstreams: HashMap<String, (Settings, Upstream)>,
}

struct Listening {
    expected: Arc<ArcSwap<Expected>>,
    address: Address,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gateway {
    /// Starts a gateway on the current tokio runtime. Lines of its access log go to standard output.
    ///
    /// # Errors
    /// An address is taken, a file of certificates cannot be used, or there is no runtime.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, io::stdout()).await
    }

    /// The same with another place for the lines of the access log.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub async fn start_with(
        config: Config,
        log: impl io::Write + Send + 'static,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(config.otlp.as_ref())?);
        let upstreams = upstreams(&config, &HashMap::new())?;
        let expected = expectations(&config)?;
        let callers = Callers::new(&config)?;
        let bound = bind(config.listeners.iter().map(|listener| &listener.address)).await?;
        let processor = config.ext_proc.as_ref();
        let processor_bound = bind(processor.map(|processor| &processor.address)).await?.pop();
        let admin_bound = bind([&config.admin.address]).await?.pop();

        let observer = Arc::new(metrics.telemetry.clone());
        let mut builder = Atrion::builder().config(config.engine.clone()).observer(observer);
        if let Some(provider) = provider::of(&config)? {
            builder = builder.shared_provider(provider);
        }
        let atrion = builder.connect().await?;
        metrics.telemetry.watch(&atrion);
        let studio = studio::start(&config, &atrion).await?;

        let log = Log::new(log, Arc::clone(&metrics.counters)).map_err(StartError::AccessLog)?;
        let rules = Rules::new(&config, &atrion, in_order(&config, &upstreams), callers);
        let shared = Arc::new(Shared::new(rules, log, Arc::clone(&metrics.counters)));
        let admin = Admin { api: Api::new(&atrion), metrics, is_ready: AtomicBool::new(true) };
        let admin = Arc::new(admin);
        let (admin_address, admin_task) = match admin_bound {
            Some(bound) => (bound.address(), tokio::spawn(Arc::clone(&admin).listen(bound))),
            None => (config.admin.address.clone(), tokio::spawn(std::future::ready(()))),
        };
        let (places, envoys) =
            (Places::new(config.limits.connections), Places::new(ext_proc::MOST_CONNECTIONS));
        let (phase, _) = watch::channel(Phase::Open);
        let processor_address = processor_bound.as_ref().map(Bound::address);
        if let Some((bound, settings)) = processor_bound.zip(processor) {
            let (shared, phase) = (Arc::clone(&shared), phase.subscribe());
            tokio::spawn(ext_proc::listen(bound, shared, settings.streams, envoys.clone(), phase));
        }
        let running = Running { config: config.clone(), listeners: HashMap::new(), upstreams };
        let gateway = Self {
            atrion,
            shared,
            admin,
            admin_address,
            processor_address,
            admin_task,
            phase,
            places,
            envoys,
            studio,
            running: Mutex::new(running),
        };
        let mut running = gateway.running.lock().await;
        for ((listener, bound), expected) in config.listeners.iter().zip(bound).zip(expected) {
            running.listeners.insert(listener.address.clone(), gateway.open(bound, expected));
        }
        drop(running);
        Ok(gateway)
    }

    fn open(&self, bound: Bound, expected: Expected) -> Listening {
        let address = bound.address();
        let expected = Arc::new(ArcSwap::from_pointee(expected));
        let (shared, places) = (Arc::clone(&self.shared), self.places.clone());
        let task = listen(bound, Arc::clone(&expected), shared, places, self.phase.subscribe());
        Listening { expected, address, task: tokio::spawn(task) }
    }

    /// Puts another configuration in force, whole or not at all. Connections stay: requests that
    /// come from now on see it. The addresses of the admin listener and of the
    /// external processor, the number of connections, the stores, Studio, and where metrics are
    /// pushed to, are those of the start.
    ///
    /// # Errors
    /// An address is taken, or a file of certificates cannot be used. What was in force stays so.
    pub async fn reload(&self, config: Config) -> Result<(), StartError> {
        let mut running = self.running.lock().await;
        let replaced = self.replace(&mut running, config).await;
        self.shared.counters.reload(if replaced.is_ok() { "done" } else { "refused" });
        replaced
    }

    pub(crate) fn count_refused_file(&self) {
        self.shared.counters.reload("refused");
    }

    async fn replace(&self, running: &mut Running, config: Config) -> Result<(), StartError> {
        let upstreams = upstreams(&config, &running.upstreams)?;
        let expected = expectations(&config)?;
        let callers = Callers::new(&config)?;
        let is_new = |listener: &&Listener| !running.listeners.contains_key(&listener.address);
        let new: Vec<_> =
            config.listeners.iter().filter(is_new).map(|listener| listener.address.clone()).collect();
        let bound = bind(&new).await?;
        self.atrion.replace_config(config.engine.clone()).map_err(BuildError::from)?;

        // From here on nothing fails.
        let mut bound: HashMap<_, _> = new.into_iter().zip(bound).collect();
        let mut old = std::mem::take(&mut running.listeners);
        for (listener, expected) in config.listeners.iter().zip(expected) {
            let open = match (old.remove(&listener.address), bound.remove(&listener.address)) {
                (Some(open), _) => {
                    open.expected.store(Arc::new(expected));
                    open
                }
                (None, Some(bound)) => self.open(bound, expected),
                (None, None) => continue,
            };
            running.listeners.insert(listener.address.clone(), open);
        }
        self.shared.replace(Rules::new(&config, &self.atrion, in_order(&config, &upstreams), callers));
        running.upstreams = upstreams;
        running.config = config;
        Ok(())
    }

    /// Ends the gateway in good order: it is not ready any more, takes connections for the time
    /// that balancers need to notice, lets requests finish, cuts off what is not over within the
    /// bound of the configuration, and writes its state.
    pub async fn drain(self) {
        let admin = self.running.lock().await.config.admin.clone();
        self.admin.is_ready.store(false, Relaxed);
        if !admin.drain_delay.is_zero() {
            sleep(admin.drain_delay).await;
        }
        self.phase.send_replace(Phase::Draining);
        if !self.wait_for_all(admin.drain).await {
            tracing::warn!(name: "atrion.gateway.cut_off", target: "atrion", "requests were cut off by the end of the drain");
            self.phase.send_replace(Phase::CutOff);
            // Their tasks end at their next turn.
            self.wait_for_all(Duration::from_secs(1)).await;
        }
        self.atrion.shutdown().await;
        self.admin.metrics.end(LAST_PUSH).await;
        self.shared.log.flush().await;
        self.admin_task.abort();
    }

    /// Whether every connection has gone within that time.
    async fn wait_for_all(&self, time: Duration) -> bool {
        let all = async { tokio::join!(self.places.all_free(), self.envoys.all_free()) };
        timeout(time, all).await.is_ok()
    }

    /// Where clients connect: the addresses in force, each beside the one in the configuration.
    pub async fn addresses(&self) -> Vec<(Address, Address)> {
        let running = self.running.lock().await;
        let listeners = running.listeners.iter();
        listeners.map(|(asked, listening)| (asked.clone(), listening.address.clone())).collect()
    }

    /// Where operators connect.
    #[must_use]
    pub fn admin_address(&self) -> &Address {
        &self.admin_address
    }

    /// Where Envoys ask, if the configuration says so.
    #[must_use]
    pub fn processor_address(&self) -> Option<&Address> {
        self.processor_address.as_ref()
    }

    /// Where Studio is served, if the configuration says so.
    #[must_use]
    pub fn studio_address(&self) -> Option<SocketAddr> {
        studio::address(&self.studio)
    }

    /// The gates.
    #[must_use]
    pub fn atrion(&self) -> &Atrion {
        &self.atrion
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("admin_address", &self.admin_address).finish_non_exhaustive()
    }
}

/// Checks what a configuration names beyond itself: certificates, keys, and the settings of stores
/// and Studio.
///
/// # Errors
/// The first one that cannot be used.
pub fn check_files(config: &Config) -> Result<(), StartError> {
    expectations(config)?;
    Callers::new(config)?;
    provider::of(config)?;
    studio::check(config)?;
    for settings in &config.upstreams {
        connector(config, settings)?;
    }
    Ok(())
}

/// How long the last push of metrics may take.
const LAST_PUSH: Duration = Duration::from_secs(2);

async fn bind<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> Result<Vec<Bound>, StartError> {
    let mut bound = Vec::new();
    for address in addresses {
        let made = Bound::bind(address).await;
        bound.push(made.map_err(|source| StartError::Listen { address: address.clone(), source })?);
    }
    Ok(bound)
}

fn expectations(config: &Config) -> Result<Vec<Expected>, TlsError> {
    let expected = |listener: &Listener| {
        let tls = listener.tls.as_ref().map(tls::server).transpose()?;
        Ok(Expected { proxy_protocol: listener.proxy_protocol, tls })
    };
    config.listeners.iter().map(expected).collect()
}

type Upstreams = HashMap<String, (Settings, Upstream)>;

/// The services of a configuration; those that have not changed keep their connections.
fn upstreams(config: &Config, known: &Upstreams) -> Result<Upstreams, TlsError> {
    let made = |settings: &Settings| {
        // The files of TLS may have changed under the same names.
        let same = known.get(&settings.name).filter(|(other, _)| other == settings && other.tls.is_none());
        let upstream = match same {
            Some((_, upstream)) => upstream.clone(),
            None => Upstream::new(settings.clone(), connector(config, settings)?),
        };
        Ok((settings.name.clone(), (settings.clone(), upstream)))
    };
    config.upstreams.iter().map(made).collect()
}

fn in_order(config: &Config, upstreams: &Upstreams) -> Vec<Upstream> {
    let of = |settings: &Settings| upstreams.get(&settings.name).map(|(_, upstream)| upstream.clone());
    config.upstreams.iter().filter_map(of).collect()
}

fn connector(config: &Config, settings: &Settings) -> Result<Connector, TlsError> {
    let tls = match &settings.tls {
        None => None,
        Some(tls) => {
            let name = tls.server_name.as_deref().or_else(|| settings.address.host()).unwrap_or("localhost");
            let name = ServerName::try_from(name.to_owned()).map_err(|error| TlsError::name(name, error))?;
            Some((tls::client(tls, settings.protocol)?, name))
        }
    };
    Ok(Connector {
        address: settings.address.clone(),
        tls,
        limit: settings.timeouts.connect,
        patience: config.limits.write,
    })
}
