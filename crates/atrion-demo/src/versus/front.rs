// SPDX-License-Identifier: Apache-2.0
//! What stands between the clients and the service, as processes of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use atrion_gateway::config::Address;
use atrion_gateway::{Config, Gateway};
use atrion_testbed::{Balancer, Server};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::contender::{Kind, by_hand, filled, ports_as_places};

/// The processes; they end with the value.
pub(super) struct Front {
    balancer: Option<Balancer>,
    gateway: Option<Child>,
}

impl Front {
    /// What the balancer calls its version.
    pub(super) fn version(&self) -> Option<&str> {
        self.balancer.as_ref().map(Balancer::version)
    }

    /// The numbers of the processes.
    pub(super) fn processes(&self) -> Vec<u32> {
        let first = self.balancer.as_ref().and_then(Balancer::process);
        let gateway = self.gateway.as_ref().and_then(Child::id);
        first
            .into_iter()
            .chain(gateway)
            .flat_map(|process| [vec![process], children(process)].concat())
            .collect()
    }

    /// Starts what `kind` says before the service at `port`, and gives the port for the clients.
    pub(super) async fn start(kind: &Kind, port: u16, workers: usize) -> anyhow::Result<(u16, Self)> {
        let service = usize::from(port);
        match kind {
            Kind::Nothing | Kind::InProcess => Ok((port, Self { balancer: None, gateway: None })),
            Kind::Balancer(server, file) => {
                let balancer = balancer(*server, file.text, service, None, workers)?;
                Ok((balancer.address().port(), Self { balancer: Some(balancer), gateway: None }))
            }
            Kind::Sidecar(file) => {
                let values = [("${LISTEN}", 0), ("${SERVICE}", service), ("${ADMIN}", 0)];
                let (gateway, port) = gateway(&filled(file.text, &values)).await?;
                Ok((port, Self { balancer: None, gateway: Some(gateway) }))
            }
            Kind::Processor(server, file, gateway_file) => {
                let values = [("${PROCESSOR}", 0), ("${ADMIN}", 0)];
                let (gateway, asked) = gateway(&filled(gateway_file.text, &values)).await?;
                let balancer = balancer(*server, file.text, service, Some(asked), workers)?;
                let port = balancer.address().port();
                Ok((port, Self { balancer: Some(balancer), gateway: Some(gateway) }))
            }
        }
    }
}

/// The processes that a process has started.
fn children(process: u32) -> Vec<u32> {
    let told =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    told.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

fn balancer(
    server: Server,
    text: &str,
    service: usize,
    asked: Option<u16>,
    workers: usize,
) -> anyhow::Result<Balancer> {
    let settings = |own: SocketAddr| {
        let own = usize::from(own.port());
        let values =
            [("${LISTEN}", own), ("${SERVICE}", service), ("${PROCESSOR}", asked.map_or(1, usize::from))];
        filled(&filled(&ports_as_places(text), &values), &by_hand(workers))
    };
    Ok(tokio::task::block_in_place(|| Balancer::start(server, settings))?)
}

/// The gateway as a process of its own, which is this program, and its port.
async fn gateway(text: &str) -> anyhow::Result<(Child, u16)> {
    let program = std::env::current_exe().context("cannot find the program to start the gateway with")?;
    let mut command = Command::new(program);
    command.args(["versus", "--gateway", text]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().context("cannot start the gateway")?;
    let told = child.stdout.take().context("the gateway has no standard output")?;
    let port = BufReader::new(told).lines().next_line().await?;
    let port = port.context("the gateway ended early; its reason is above")?;
    Ok((child, port.parse().with_context(|| format!("`{port}` is no port"))?))
}

/// Runs a gateway until standard input ends, as the child process does.
pub(super) async fn serve_gateway(text: &str) -> anyhow::Result<()> {
    let gateway = Gateway::start(Config::parse(text, Path::new(""))?).await?;
    let mut addresses = gateway.addresses().await.into_iter().map(|(_, address)| address);
    let address = addresses.next().or_else(|| gateway.processor_address().cloned());
    let Some(Address::Tcp(address)) = address else { anyhow::bail!("the gateway has no port") };
    let address: SocketAddr = address.parse()?;
    writeln!(std::io::stdout().lock(), "{}", address.port())?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
