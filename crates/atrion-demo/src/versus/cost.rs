// SPDX-License-Identifier: Apache-2.0
//! What a proxy costs that only passes requests on, and what admission adds: processor time for a
//! request, the time that it adds to one, and the memory of a connection on which nothing happens.
//!
//! `h2load` asks, an nginx of its own answers from memory. Processor time is that of the processes
//! between them. The proxies take turns, so that what the machine does beside falls on all alike.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use anyhow::Context as _;
use atrion_testbed::{Balancer, Programs, Server, locate};
use serde::Serialize;

use super::contender::{File, Kind, filled};
use super::front::Front;

/// A proxy that does nothing but pass on, or Atrion with its gates in shadow mode: h2load asks for
/// more than there is, and a refusal would cost less than a request.
pub(super) struct Proxy {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn file(text: &'static str, language: &'static str) -> File {
    File { text, language }
}

const ENVOY: &str = "envoy";
const UNGUARDED: &str = "atrion, unguarded";
const GUARDED: &str = "atrion, guarded";

pub(super) fn proxies() -> [Proxy; 6] {
    let proxy = |name, kind| Proxy { name, kind };
    [
        proxy("nothing", Kind::Nothing),
        proxy("nginx", Kind::Balancer(Server::Nginx, file(include_str!("cost/nginx.conf"), "nginx"))),
        proxy("haproxy", Kind::Balancer(Server::HaProxy, file(include_str!("cost/haproxy.cfg"), "text"))),
        proxy(ENVOY, Kind::Balancer(Server::Envoy, file(include_str!("cost/envoy.yaml"), "yaml"))),
        proxy(UNGUARDED, Kind::Sidecar(file(include_str!("cost/unguarded.toml"), "toml"))),
        proxy(GUARDED, Kind::Sidecar(file(include_str!("cost/guarded.toml"), "toml"))),
    ]
}

/// What one proxy costs.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    pub(super) name: &'static str,
    /// Microseconds of processor time for a request, with 64 connections, in the mean.
    pub(super) cpu_us: f64,
    /// The same of each turn.
    pub(super) turns_us: Vec<f64>,
    /// Of one client after the other, in microseconds.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    /// Bytes for a connection on which nothing was said.
    pub(super) idle_bytes: u64,
}

/// What admission adds to a request: the two rows of Atrion, compared turn by turn.
pub(super) struct Added {
    /// Microseconds, and the standard error.
    pub(super) us: f64,
    pub(super) error_us: f64,
    /// Of what Envoy takes for a request.
    pub(super) share_of_envoy: f64,
}

impl Added {
    /// `None`: one of the three was not measured, or in one turn alone.
    pub(super) fn of(costs: &[Cost]) -> Option<Self> {
        let named = |name| costs.iter().find(|cost| cost.name == name);
        let (with, without, envoy) = (named(GUARDED)?, named(UNGUARDED)?, named(ENVOY)?);
        let added: Vec<_> = with.turns_us.iter().zip(&without.turns_us).map(|(a, b)| a - b).collect();
        let count = added.len() as f64;
        let us = added.iter().sum::<f64>() / count;
        let squares: f64 = added.iter().map(|turn| (turn - us).powi(2)).sum();
        let error_us = (squares / (count * (count - 1.0))).sqrt();
        error_us.is_finite().then_some(Self { us, error_us, share_of_envoy: us / envoy.cpu_us })
    }
}

/// Turns that each proxy has.
const TURNS: usize = 20;

/// A proxy that runs, and what its turns have brought.
struct Turns {
    name: &'static str,
    front: Front,
    target: SocketAddr,
    /// Microseconds a request, by turn.
    spent: Vec<f64>,
    one_by_one: Vec<u64>,
}

/// Measures all of them, with so many requests each.
pub(super) async fn measure(requests: usize) -> anyhow::Result<Vec<Cost>> {
    let h2load = locate(Server::H2load)?;
    let settings = |own: SocketAddr| {
        filled(include_str!("cost/service.conf"), &[("${LISTEN}", usize::from(own.port()))])
    };
    let service = Balancer::start(Server::Nginx, settings)?;
    let mut running = Vec::new();
    for proxy in proxies() {
        let (port, front) = Front::start(&proxy.kind, service.address().port(), 0).await?;
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        // What is made once does not count.
        load(&h2load, target, requests / 10, 64)?;
        running.push(Turns { name: proxy.name, front, target, spent: Vec::new(), one_by_one: Vec::new() });
    }
    let each = (requests / TURNS).max(64);
    for _ in 0..TURNS {
        for Turns { front, target, spent, one_by_one, .. } in &mut running {
            let before = processor_time(front)?;
            load(&h2load, *target, each, 64)?;
            spent.push((processor_time(front)? - before) * 1e6 / each as f64);
            one_by_one.extend(load(&h2load, *target, (each / 10).max(1), 1)?);
        }
    }
    running.into_iter().map(Turns::cost).collect()
}

impl Turns {
    fn cost(mut self) -> anyhow::Result<Cost> {
        let times = &mut self.one_by_one;
        times.sort_unstable();
        let rank = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        Ok(Cost {
            name: self.name,
            cpu_us: self.spent.iter().sum::<f64>() / self.spent.len() as f64,
            turns_us: self.spent,
            p50_us: rank(50),
            p99_us: rank(99),
            idle_bytes: idle(&self.front, self.target)?,
        })
    }
}

/// Asks so often over so many connections, and gives the time of each request in microseconds.
fn load(h2load: &Programs, to: SocketAddr, requests: usize, connections: usize) -> anyhow::Result<Vec<u64>> {
    let log = std::env::temp_dir().join(format!("atrion-h2load-{}-{}", std::process::id(), to.port()));
    let mut command = Command::new(&h2load.server);
    command.args(["--h1", "--threads", "1", "--clients"]).arg(connections.to_string());
    command.arg("--requests").arg(requests.to_string()).arg("--log-file").arg(&log);
    command.arg(format!("http://{to}/"));
    if let Some(libraries) = &h2load.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    let output = tokio::task::block_in_place(|| command.output()).context("cannot run h2load")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let all = format!("{requests} succeeded, 0 failed, 0 errored");
    anyhow::ensure!(output.status.success() && said.contains(&all), "h2load: {said}");
    // The begin, the status, and the time that it took.
    let read = std::fs::read_to_string(&log).context("h2load wrote no log")?;
    std::fs::remove_file(&log)?;
    let times = read.lines().map(|line| line.rsplit('\t').next()?.parse().ok());
    times.collect::<Option<_>>().context("a line of h2load's log is no time")
}

/// Seconds of processor time of the processes, so far: of all their threads (proc(5)).
fn processor_time(front: &Front) -> anyhow::Result<f64> {
    let mut nanos = 0;
    for process in front.processes() {
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let told = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += told.split(' ').next().context("no time")?.parse::<u64>()?;
        }
    }
    Ok(nanos as f64 / 1e9)
}

/// Bytes that they hold for a connection that says nothing.
fn idle(front: &Front, to: SocketAddr) -> anyhow::Result<u64> {
    const COUNT: u64 = 2000;
    let resident = || -> anyhow::Result<u64> {
        let of = |process: u32| {
            let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        front.processes().into_iter().map(of).sum()
    };
    let before = resident()?;
    let held: Vec<_> = (0..COUNT).map(|_| TcpStream::connect(to)).collect::<Result<_, _>>()?;
    // They have been taken when one that comes after them is answered.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let after = resident()?;
    drop(held);
    Ok(after.saturating_sub(before) / COUNT)
}
