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

pub(super) fn proxies() -> [Proxy; 6] {
    let proxy = |name, kind| Proxy { name, kind };
    [
        proxy("nothing", Kind::Nothing),
        proxy("nginx", Kind::Balancer(Server::Nginx, file(include_str!("cost/nginx.conf"), "nginx"))),
        proxy("haproxy", Kind::Balancer(Server::HaProxy, file(include_str!("cost/haproxy.cfg"), "text"))),
        proxy("envoy", Kind::Balancer(Server::Envoy, file(include_str!("cost/envoy.yaml"), "yaml"))),
        proxy("atrion, unguarded", Kind::Sidecar(file(include_str!("cost/unguarded.toml"), "toml"))),
        proxy("atrion, guarded", Kind::Sidecar(file(include_str!("cost/guarded.toml"), "toml"))),
    ]
}

/// What one proxy costs.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    pub(super) name: &'static str,
    /// Microseconds of processor time for a request, with 64 connections.
    pub(super) cpu_us: f64,
    /// Of one client after the other, in microseconds.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    /// Bytes for a connection on which nothing was said.
    pub(super) idle_bytes: u64,
}

/// Turns that each proxy has.
const TURNS: usize = 5;

/// A proxy that runs, and what its turns have brought.
struct Turns {
    name: &'static str,
    front: Front,
    target: SocketAddr,
    spent: f64,
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
        running.push(Turns { name: proxy.name, front, target, spent: 0.0, one_by_one: Vec::new() });
    }
    let each = (requests / TURNS).max(64);
    for _ in 0..TURNS {
        for Turns { front, target, spent, one_by_one, .. } in &mut running {
            let before = processor_time(front)?;
            load(&h2load, *target, each, 64)?;
            *spent += processor_time(front)? - before;
            one_by_one.extend(load(&h2load, *target, (each / 10).max(1), 1)?);
        }
    }
    running.into_iter().map(|turns| turns.cost(each * TURNS)).collect()
}

impl Turns {
    fn cost(mut self, requests: usize) -> anyhow::Result<Cost> {
        let times = &mut self.one_by_one;
        times.sort_unstable();
        let rank = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        Ok(Cost {
            name: self.name,
            cpu_us: self.spent * 1e6 / requests as f64,
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
