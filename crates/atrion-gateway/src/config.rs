// SPDX-License-Identifier: Apache-2.0
//! The file, read and checked whole: every fault at once, with its line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

mod admission;
pub use admission::{Admission, RouteRule, TenantRule, TierRule, Trust};

mod fault;
pub use fault::{ConfigError, Fault};

mod engine;

mod listen;
pub use listen::{Admin, ExtProc, Listener, ServerTls};

mod upstream;
pub use upstream::{ClientTls, Protocol, Upstream};

mod openapi;
pub use openapi::OpenApiError;

mod told;
pub use told::EnvoyValue;

mod token;
pub use token::{Jwt, TokenClaim};

mod otlp;
pub use otlp::Otlp;

mod store;
pub use store::Stores;

mod studio;
pub use studio::{LicenseSource, Studio};

mod secret;
pub use secret::Secret;

mod values;
pub use values::{Address, Network};

mod table;
use table::{Source, Table};

/// The commented file that `atrion gateway --example` prints.
pub const EXAMPLE: &str = include_str!("../example.toml");

/// Everything that is set for a gateway.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// Where operators connect.
    pub admin: Admin,
    /// The services behind.
    pub upstreams: Vec<Upstream>,
    /// Where Envoys ask, in place of the gateway's own listeners or beside them.
    pub ext_proc: Option<ExtProc>,
    /// What may be open or waiting.
    pub limits: Limits,
    /// What the services learn of the clients.
    pub forwarding: Forwarding,
    /// Routes, tiers, and what a refusal tells.
    pub admission: Admission,
    /// Which tokens of callers are believed. `None`: none.
    pub jwt: Option<Jwt>,
    /// A line for each request.
    pub access_log: AccessLog,
    /// Where metrics are pushed to.
    pub otlp: Option<Otlp>,
    /// Where state is kept beside the memory.
    pub stores: Stores,
    /// Where the dashboard is served.
    pub studio: Option<Studio>,
    /// Where the license of what is commercial is. `None`: where the library looks for it.
    pub license: Option<LicenseSource>,
    /// The gates.
    pub engine: atrion::Config,
}

/// How long each stage of a request may take. The names are those in answers, logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// To connect to the service, TLS included.
    pub connect: Duration,
    /// For a client to send the next piece of a body.
    pub request_body: Duration,
    /// From the last piece of a request that the service has taken to the head of its answer.
    pub response_head: Duration,
    /// For the service to make the next piece of its answer.
    pub response_body: Duration,
    /// For either side to say something after a change of protocols. The end comes within twice
    /// that.
    pub tunnel: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            request_body: Duration::from_secs(30),
            response_head: Duration::from_secs(60),
            response_body: Duration::from_secs(60),
            tunnel: Duration::from_secs(3600),
        }
    }
}

/// Bounds of what clients can make the gateway hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections of clients at one time. Further ones wait in the kernel's queue.
    pub connections: u32,
    /// Concurrent requests of an HTTP/2 connection.
    pub streams: u32,
    /// Bytes of a request's head.
    pub head_bytes: u32,
    /// Fields of a request's head over HTTP/1.
    pub head_fields: usize,
    /// For a client to send a whole head, to say anything at all, or to finish TLS.
    pub request_head: Duration,
    /// For a connection without a request.
    pub idle: Duration,
    /// For a client to take bytes that wait for it.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            streams: 100,
            head_bytes: 64 * 1024,
            head_fields: 100,
            request_head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
        }
    }
}

/// What the services learn of the clients.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// Whether `Forwarded` (RFC 7239) is written.
    pub forwarded: bool,
    /// Whether `X-Forwarded-For`, `-Proto` and `-Host` are written.
    pub x_forwarded: bool,
    /// Peers whose own fields of these names are kept and added to; of others they are dropped.
    pub trusted: Vec<Network>,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self { forwarded: false, x_forwarded: true, trusted: Vec::new() }
    }
}

/// A line for each request, on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// `time client "GET /path HTTP/1.1" status bytes ms route tier decision reason`.
    Plain,
    /// A JSON object.
    Json,
}

impl Config {
    /// Reads a configuration. Paths of other files are relative to `folder`, those of `{ file = … }`
    /// too.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let source = Source::new(text, folder);
        for error in errors {
            source.fault(error.span().unwrap_or(0..0), "", error.message());
        }
        let config = Table::root(&source, &document).whole(Self::read);
        match (config, source.into_faults()) {
            (Some(config), faults) if faults.is_empty() => Ok(config.resolved(folder)),
            (_, faults) => Err(ConfigError { faults }),
        }
    }

    fn read(table: &mut Table<'_>) -> Option<Self> {
        let timeouts = table.read("timeouts", Timeouts::default(), |item| {
            Some(item.table()?.whole(|table| upstream::timeouts(table, Timeouts::default())))
        });
        let listeners = table.list("listen", listen::listener);
        let is_processor = table.get("ext_proc").is_some();
        let ext_proc = table.optional("ext_proc", |item| item.table()?.whole(listen::ext_proc));
        // A processor of Envoy needs no listener; a listener needs a service.
        if table.has_none("listen") && !is_processor {
            table.fault("no [[listen]]: write one with an `address`, where clients connect");
        }
        let upstreams = upstream::upstreams(table, timeouts);
        let is_alone = is_processor && table.has_none("listen");
        if table.has_none("upstream") && !is_alone {
            table.fault("no [[upstream]]: write one with the `address` of the service");
        }
        let admin = table.inner("admin", listen::admin);
        let limits = table.inner("limits", limits);
        let forwarding = table.inner("forwarding", forwarding);
        const LOGS: &[(&str, AccessLog)] =
            &[("off", AccessLog::Off), ("plain", AccessLog::Plain), ("json", AccessLog::Json)];
        let access_log = table.read("access_log", AccessLog::Off, values::one_of(LOGS));
        let admission = table.inner("admission", admission::admission);
        let jwt = table.optional("jwt", |item| item.table()?.whole(token::jwt));
        let admission = Admission {
            tiers: table.list("tier", admission::tier_rule),
            routes: admission::routes(table),
            ..admission
        };
        if table.get("jwt").is_none() && admission.looks_at_claims() {
            table.fault("a `claim` is that of a token: write [jwt], which says whose tokens are believed");
        }
        if !is_processor && admission.looks_at_envoy() {
            table.fault("an `envoy` value is told to its processor: write `ext_proc` with an `address`");
        }
        let otlp = table.optional("otlp", |item| item.table()?.whole(otlp::otlp));
        let stores = store::stores(table);
        let studio = studio::studio(table);
        let license = studio::license(table);
        let engine = engine::read(table, &admission)?;
        Some(Self {
            listeners,
            admin,
            upstreams,
            ext_proc,
            limits,
            forwarding,
            admission,
            jwt,
            access_log,
            otlp,
            stores,
            studio,
            license,
            engine,
        })
    }

    /// The same with every path of a file made absolute by the folder of the configuration.
    fn resolved(mut self, folder: &Path) -> Self {
        for path in self.files_mut() {
            *path = folder.join(&*path);
        }
        self
    }

    fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let servers = self.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut());
        let servers = servers
            .flat_map(|tls| [&mut tls.certificate, &mut tls.key].into_iter().chain(&mut tls.client_ca));
        let clients = self.upstreams.iter_mut().filter_map(|upstream| upstream.tls.as_mut());
        let clients = clients.flat_map(|tls| {
            let identity = tls.identity.iter_mut().flat_map(|(certificate, key)| [certificate, key]);
            [&mut tls.ca].into_iter().chain(identity)
        });
        let keys = self.jwt.iter_mut().map(|jwt| &mut jwt.keys);
        let collector = self.otlp.iter_mut().filter_map(|otlp| otlp.ca.as_mut());
        servers.chain(clients).chain(&mut self.admission.openapi).chain(keys).chain(collector)
    }

    /// The same with a route for each operation of an OpenAPI document.
    ///
    /// # Errors
    /// The document gives no routes.
    pub fn with_operations(mut self, document: &str) -> Result<Self, OpenApiError> {
        openapi::add(&mut self.admission.routes, openapi::operations(document)?);
        Ok(self)
    }

    /// The files that the configuration names: certificates, keys, and an OpenAPI document. What
    /// `{ file = "/path" }` names is none of them.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.clone().files_mut().map(|path| path.clone()).collect::<Vec<_>>().into_iter()
    }
}

fn limits(table: &mut Table<'_>) -> Limits {
    let Limits { connections, streams, head_bytes, head_fields, request_head, idle, write } =
        Limits::default();
    Limits {
        connections: table.read("connections", connections, values::number(1..=1_000_000)),
        streams: table.read("streams", streams, values::number(1..=10_000)),
        head_bytes: table.read("head_bytes", head_bytes, values::number(8192..=1 << 20)),
        head_fields: table.read("head_fields", head_fields, values::number(10..=1000)),
        request_head: table.read("request_head", request_head, values::duration),
        idle: table.read("idle", idle, values::duration),
        write: table.read("write", write, values::duration),
    }
}

fn forwarding(table: &mut Table<'_>) -> Forwarding {
    let default = Forwarding::default();
    Forwarding {
        forwarded: table.read("forwarded", default.forwarded, values::flag),
        x_forwarded: table.read("x_forwarded", default.x_forwarded, values::flag),
        trusted: table.read("trusted", Vec::new(), |item| {
            Some(item.items().iter().filter_map(values::network).collect())
        }),
    }
}

#[cfg(test)]
mod tests;
