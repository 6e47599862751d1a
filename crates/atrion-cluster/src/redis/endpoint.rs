// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! From what was configured to the one server that has the fleet's keys.
//!
//! All keys of a fleet lie in one slot, so whatever stands behind the urls, two plain connections
//! to one server are all it takes. The client library's own reconnecting, its Sentinel and its
//! cluster client are not used: they would hide a failure from the machine that has to know of it,
//! and Sentinel's asks for a command that no user of this crate needs to be given.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, Value};
use tokio_rustls::TlsConnector;

use super::config::{Login, RedisConfig, TlsConfig, Topology, shown};
use super::error::StoreError;
use super::keys::slot;
use super::stream::{Server, certificates, connector};
use crate::bounded::Bounded as _;
use crate::credentials::{Credentials, Source};
use crate::settings::SettingsFault;

/// Where the store is, or which servers know.
#[derive(Clone)]
pub(super) struct Endpoint {
    topology: Topology,
    /// Invariant: at least one.
    servers: Vec<ConnectionInfo>,
    /// How to log in to a server that others named.
    login: Login,
    tls: TlsConfig,
    /// Asked again at every connection.
    source: Source,
    /// The last server that did not answer is asked last.
    first: std::sync::Arc<AtomicUsize>,
}

/// The longest wait for an answer.
pub(super) const ANSWER: Duration = Duration::from_millis(500);

/// How to log in to a server that is about to be connected to.
struct Access {
    credentials: Credentials,
    tls: Option<TlsConnector>,
}

impl Endpoint {
    pub(super) fn new(config: &RedisConfig, source: Source, faults: &mut Vec<SettingsFault>) -> Option<Self> {
        let RedisConfig { urls, topology, login, sentinel_login, tls, .. } = config;
        let before = faults.len();
        if urls.is_empty() {
            faults.push(SettingsFault::new(
                "url",
                "is missing: give the store's, for example redis://localhost:6379",
            ));
        }
        if let Topology::Sentinel { master } = topology
            && master.is_empty()
        {
            faults.push(SettingsFault::new(
                "topology",
                "names no master: give the name that the sentinels have",
            ));
        }
        let asked_first = if matches!(topology, Topology::Sentinel { .. }) { sentinel_login } else { login };
        let sharded = *topology == Topology::Cluster;
        let servers: Vec<_> =
            urls.iter().filter_map(|url| server(url, asked_first, sharded, faults)).collect();
        if tls.client_certificate.is_some() != tls.client_key.is_some() {
            let problem = "has only one of the client's certificate and its key: give both";
            faults.push(SettingsFault::new("tls", problem));
        }
        if tls.root.as_deref().is_some_and(|pem| certificates(pem).is_err()) {
            faults.push(SettingsFault::new(
                "tls_root",
                "holds no certificate: give PEM, which begins with -----BEGIN CERTIFICATE",
            ));
        }
        let is_custom = tls.root.is_some() || tls.client_certificate.is_some();
        if is_custom && faults.len() == before && !servers.iter().any(is_tls) {
            let problem = "are given and no url is rediss://: nothing would be encrypted";
            faults.push(SettingsFault::new("tls", problem));
        }
        let (topology, login, tls) = (topology.clone(), login.clone(), tls.clone());
        let endpoint = Self { topology, servers, login, tls, source, first: std::sync::Arc::default() };
        if let Err(problem) = endpoint.access(Credentials::default()) {
            faults.push(SettingsFault::new("tls", format!("certificates are refused: {problem}")));
        }
        (faults.len() == before).then_some(endpoint)
    }

    /// Whether messages go over sharded channels.
    pub(super) fn is_sharded(&self) -> bool {
        self.topology == Topology::Cluster
    }

    /// The server that has this key at present.
    pub(super) async fn resolve(&self, key: &str) -> Result<Server, StoreError> {
        let credentials = self.source.ask(CREDENTIALS).await.map_err(StoreError::Credentials)?;
        let access = self.access(credentials).map_err(StoreError::Credentials)?;
        let login =
            Login { user: access.credentials.user.clone(), password: access.credentials.password.clone() };
        let first = self.first.load(Ordering::Relaxed);
        let mut last = StoreError::Other("no url".to_owned());
        for nth in 0..self.servers.len() {
            let place = (first + nth) % self.servers.len();
            let asked = async {
                let server = Server { info: self.servers[place].clone(), tls: access.tls.clone() };
                match &self.topology {
                    Topology::Standalone => {
                        let server = server.logged_in(&login);
                        // Of several, one that answers.
                        if self.servers.len() > 1 {
                            server.commands().await?;
                        }
                        Ok(server)
                    }
                    Topology::Sentinel { master } => {
                        Ok(self.ask_sentinel(server, master).await?.logged_in(&login))
                    }
                    Topology::Cluster => self.ask_cluster(server.logged_in(&login), slot(key)).await,
                }
            };
            match asked.await {
                Ok(server) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(server);
                }
                Err(error) => last = error,
            }
        }
        // No server led to the store: another one is asked first next time.
        self.first.store(first + 1, Ordering::Relaxed);
        Err(last)
    }

    /// The server that was resolved last failed: another one is asked first next time.
    pub(super) fn failed(&self) {
        if self.servers.len() > 1 {
            self.first.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ask_sentinel(&self, sentinel: Server, master: &str) -> Result<Server, StoreError> {
        let encrypted = is_tls(&sentinel.info);
        let commands = sentinel.commands().await?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let address: Option<(String, u16)> =
            StoreError::within(ANSWER, ask.query_async(&mut commands.connection())).await?;
        let unknown = || StoreError::Other(format!("the sentinel knows no master `{master}`"));
        let (host, port) = address.ok_or_else(unknown)?;
        Ok(Server { info: self.named(host, port, encrypted), tls: sentinel.tls })
    }

    async fn ask_cluster(&self, node: Server, slot: u16) -> Result<Server, StoreError> {
        let encrypted = is_tls(&node.info);
        let asked = match node.info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        };
        let commands = node.commands().await?;
        let mut ask = redis::cmd("CLUSTER");
        let slots: Value =
            StoreError::within(ANSWER, ask.arg("SLOTS").query_async(&mut commands.connection())).await?;
        let (host, port) = owner(&slots, slot)
            .ok_or_else(|| StoreError::Other(format!("no node of the cluster has slot {slot}")))?;
        // An empty name is the node that was asked.
        let host = if host.is_empty() { asked } else { host };
        let settings = node.info.redis_settings().clone();
        Ok(Server { info: self.named(host, port, encrypted).set_redis_settings(settings), tls: node.tls })
    }

    fn named(&self, host: String, port: u16, encrypted: bool) -> ConnectionInfo {
        let address = if encrypted {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        // The settings of a url, which the first one has: none of its credentials, if it is a
        // sentinel's.
        let template = self.servers[0].clone();
        let mut login = template.redis_settings().clone();
        if matches!(self.topology, Topology::Sentinel { .. }) {
            login = redis::RedisConnectionInfo::default().set_skip_set_lib_name();
            login = with_login(login, &self.login);
        }
        template.set_addr(address).set_redis_settings(login)
    }

    /// What it takes to log in with these credentials, which count before the settings.
    fn access(&self, credentials: Credentials) -> Result<Access, String> {
        let own = self.tls.client_certificate.as_deref().zip(self.tls.client_key.as_deref());
        let given = credentials.certificate.as_ref().map(|(chain, key)| (chain.as_slice(), key.as_slice()));
        let tls = self.servers.iter().any(is_tls);
        let tls = tls.then(|| connector(self.tls.root.as_deref(), given.or(own))).transpose()?;
        Ok(Access { credentials, tls })
    }
}

/// The longest wait for a source of credentials.
const CREDENTIALS: Duration = Duration::from_secs(2);

impl Server {
    /// The same server, to be logged in to with this where something is given.
    fn logged_in(self, login: &Login) -> Self {
        let settings = with_login(self.info.redis_settings().clone(), login);
        Self { info: self.info.set_redis_settings(settings), tls: self.tls }
    }
}

fn server(
    url: &str,
    login: &Login,
    sharded: bool,
    faults: &mut Vec<SettingsFault>,
) -> Option<ConnectionInfo> {
    let shown = shown(url);
    let info = match url.into_connection_info() {
        Ok(info) => info,
        Err(error) => {
            // The library's detail may quote the url.
            let problem = format!("{shown} is none of redis://, rediss://, unix://: {}", error.category());
            faults.push(SettingsFault::new("url", problem));
            return None;
        }
    };
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        let problem = format!("{shown} asks not to check certificates: give `tls_root` instead of #insecure");
        faults.push(SettingsFault::new("url", problem));
        return None;
    }
    if sharded && matches!(info.addr(), ConnectionAddr::Unix(_)) {
        faults.push(SettingsFault::new(
            "url",
            format!("{shown} is a socket, and a cluster's nodes are not: give redis://"),
        ));
        return None;
    }
    let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
    if settings.password().is_none() {
        settings = with_login(settings, login);
    }
    // Sharded channels are only pushed in the newer protocol; all other servers understand the
    // older one.
    let protocol = if sharded { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 };
    Some(info.set_redis_settings(settings.set_protocol(protocol)))
}

fn with_login(mut settings: redis::RedisConnectionInfo, login: &Login) -> redis::RedisConnectionInfo {
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}

fn is_tls(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}

/// The master of a slot in an answer to CLUSTER SLOTS: `[[first, last, [host, port, ..], ..], ..]`.
fn owner(slots: &Value, slot: u16) -> Option<(String, u16)> {
    let Value::Array(ranges) = slots else { return None };
    ranges.iter().find_map(|range| {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &range[..] else { return None };
        if !(*first..=*last).contains(&i64::from(slot)) {
            return None;
        }
        let [host, Value::Int(port), ..] = &master[..] else { return None };
        let host = match host {
            Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok()?,
            Value::SimpleString(text) => text.clone(),
            _ => String::new(),
        };
        Some((host, u16::try_from(*port).ok()?))
    })
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.iter().map(|server| server.addr().to_string()).collect();
        f.debug_struct("Endpoint")
            .field("topology", &self.topology)
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_slot_is_found_and_nonsense_is_not_an_owner() {
        let text = |text: &str| Value::BulkString(text.into());
        let node = |host: &str, port| Value::Array(vec![text(host), Value::Int(port), text("id")]);
        let range = |first, last, node| Value::Array(vec![Value::Int(first), Value::Int(last), node]);
        let slots = Value::Array(vec![
            Value::Nil,
            range(0, 99, node("a", 1)),
            range(100, 200, node("", 2)),
            range(300, 400, node("b", 99_999)),
        ]);
        assert_eq!(owner(&slots, 99), Some(("a".to_owned(), 1)));
        assert_eq!(owner(&slots, 150), Some((String::new(), 2)));
        assert_eq!((owner(&slots, 350), owner(&slots, 250), owner(&Value::Nil, 0)), (None, None, None));
    }
}
