// SPDX-License-Identifier: Apache-2.0
//! A service that is not Rust, alone or behind the gateway: `service.py`, Python's standard server
//! before a pool of workers.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use atrion_gateway::config::Address;
use atrion_gateway::{Config, Gateway};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::super::client::ATTEMPT_TIMEOUT;
use super::super::wire::{ServiceSpec, Weather, header};
use super::pool::{DEPENDENCY_SHARE, DEPENDENCY_TIMEOUT, SLOWDOWN, SPREAD, WORK};

/// The port of a gateway that listens once.
pub(super) async fn port(gateway: &Gateway) -> anyhow::Result<u16> {
    let addresses = gateway.addresses().await;
    let address = addresses.first().map(|(_, address)| address).context("the gateway listens nowhere")?;
    let Address::Tcp(address) = address else { anyhow::bail!("{address} has no port") };
    let (_, port) = address.rsplit_once(':').context("no port")?;
    Ok(port.parse()?)
}

/// The process of the service.
pub(super) struct Python {
    /// Ends with the value.
    _child: Child,
    orders: ChildStdin,
    news: Lines<BufReader<ChildStdout>>,
    port: u16,
}

/// Jobs that wait for a worker, and jobs that a worker is doing.
pub(super) type Gauges = (usize, usize);

impl Python {
    pub(super) async fn start(spec: &ServiceSpec) -> anyhow::Result<Self> {
        let needy = spec.routes.iter().filter(|route| route.needs_dependency);
        let told = serde_json::json!({
            "workers": spec.workers,
            "seed": spec.seed,
            "needy": needy.map(|route| route.pattern.as_str()).collect::<Vec<_>>(),
            "work": WORK.as_secs_f64(),
            "spread": SPREAD,
            "slowdown": SLOWDOWN,
            "share": DEPENDENCY_SHARE,
            "timeout": DEPENDENCY_TIMEOUT.as_secs_f64(),
        });
        let mut child = Command::new("python3")
            .args(["-c", include_str!("service.py")])
            .arg(told.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the service: is there a python3?")?;
        let orders = child.stdin.take().context("the service has no standard input")?;
        let news = child.stdout.take().context("the service has no standard output")?;
        let mut news = BufReader::new(news).lines();
        let port = news.next_line().await?.context("the service ended early; its reason is above")?;
        let port = port.parse().with_context(|| format!("`{port}` is no port"))?;
        Ok(Self { _child: child, orders, news, port })
    }

    /// Starts the gateway before it, as the file of a user would say it.
    pub(super) async fn guard(&self, spec: &ServiceSpec) -> anyhow::Result<Gateway> {
        let config = Config::parse(&self.file(spec)?, Path::new(""))?;
        Ok(Gateway::start(config).await?)
    }

    fn file(&self, spec: &ServiceSpec) -> Result<String, std::fmt::Error> {
        let (slo, user, port) = (ATTEMPT_TIMEOUT.as_secs(), header::USER, self.port);
        let mut file = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
             [[upstream]]\naddress = \"127.0.0.1:{port}\"\nidle_connections = 4096\n\
             [admission]\nslo = \"{slo}s\"\ntrust = {{ cohort = \"{user}\" }}\n"
        );
        for route in &spec.routes {
            write!(file, "[[route]]\nmatch = {:?}\n", format!("GET {}", route.pattern))?;
        }
        Ok(file)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) async fn tell(&mut self, weather: Weather) -> anyhow::Result<()> {
        let word: &[u8] = match weather {
            Weather::Fair => b"fair\n",
            Weather::Gray => b"gray\n",
            Weather::Outage => b"outage\n",
        };
        self.orders.write_all(word).await.context("the service takes no more orders")
    }

    /// The next report. Cancel-safe: a part of a line that was read is kept.
    pub(super) async fn report(&mut self) -> anyhow::Result<Gauges> {
        let line = self.news.next_line().await?.context("the service ended early; its reason is above")?;
        let gauges = line.split_once(' ').and_then(|(one, two)| Some((one.parse().ok()?, two.parse().ok()?)));
        gauges.with_context(|| format!("`{line}` is no report"))
    }
}
