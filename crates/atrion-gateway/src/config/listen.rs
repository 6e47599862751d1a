// SPDX-License-Identifier: Apache-2.0
//! `[[listen]]` and `[admin]`.

use std::path::PathBuf;
use std::time::Duration;

use atrion::Tier;

use super::table::Table;
use super::told::{EnvoyValue, envoy_value};
use super::values::{self, Address};

/// A place where clients connect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Listener {
    /// Where.
    pub address: Address,
    /// Whether each connection begins with a PROXY header, version 1 or 2. It is then believed: let
    /// nothing but the balancer in front reach the address.
    pub proxy_protocol: bool,
    /// TLS, if clients speak it.
    pub tls: Option<ServerTls>,
}

/// TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServerTls {
    /// The chain, as PEM. Read again when it changes.
    pub certificate: PathBuf,
    /// The private key, as PEM. Read again when it changes.
    pub key: PathBuf,
    /// Whose certificates clients must have, as PEM. `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

/// A place where operators connect, and how the process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admin {
    /// Where; loopback by default. Nothing here asks who is there.
    pub address: Address,
    /// After SIGTERM: how long new connections are still taken while `/readyz` says no, so that
    /// balancers notice.
    pub drain_delay: Duration,
    /// After that: how long requests may take to finish.
    pub drain: Duration,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: Address::Tcp("127.0.0.1:9901".to_owned()),
            drain_delay: Duration::ZERO,
            drain: Duration::from_secs(20),
        }
    }
}

/// Where Envoys ask the external processor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtProc {
    /// Where. gRPC without TLS: on the loopback, or a unix socket.
    pub address: Address,
    /// Requests of one Envoy thread that may be under way at one time.
    pub streams: u32,
    /// Where Envoy tells the name of a request's route. `None`, and for a request of which it tells
    /// no name: the routes of the file.
    pub route: Option<EnvoyValue>,
    /// Where Envoy tells a tier by name, for requests that no rule and no route gives one. `None`:
    /// nowhere.
    pub tier: Option<EnvoyValue>,
    /// The highest tier that it gets so.
    pub ceiling: Tier,
}

pub(super) fn ext_proc(table: &mut Table<'_>) -> Option<ExtProc> {
    let address = table.required("address", values::address);
    let streams = table.read("streams", 10_000, values::number(1..=1_000_000));
    let route = table.optional("route", envoy_value);
    let tier = table.optional("tier", envoy_value);
    let ceiling = table.read("ceiling", Tier::Critical, values::tier);
    Some(ExtProc { address: address?, streams, route, tier, ceiling })
}

pub(super) fn listener(table: &mut Table<'_>) -> Option<Listener> {
    let address = table.required("address", values::address);
    let proxy_protocol = table.read("proxy_protocol", false, values::flag);
    let tls = table.optional("tls", |item| item.table()?.whole(server_tls));
    Some(Listener { address: address?, proxy_protocol, tls })
}

fn server_tls(table: &mut Table<'_>) -> Option<ServerTls> {
    let certificate = table.required("certificate", values::path);
    let key = table.required("key", values::path);
    let client_ca = table.optional("client_ca", values::path);
    Some(ServerTls { certificate: certificate?, key: key?, client_ca })
}

pub(super) fn admin(table: &mut Table<'_>) -> Admin {
    let default = Admin::default();
    Admin {
        address: table.read("address", default.address, values::address),
        drain_delay: table.read("drain_delay", default.drain_delay, values::duration),
        drain: table.read("drain", default.drain, values::duration),
    }
}
