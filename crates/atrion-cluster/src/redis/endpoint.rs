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

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, TlsCertificates, Value,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::config::{Login, RedisConfig, Topology, shown};
use super::error::{StoreError, within};
use super::keys::slot;
use crate::settings::SettingsFault;

/// Where the store is, or which servers know.
#[derive(Clone)]
pub(super) struct Endpoint {
    topology: Topology,
    /// Invariant: at least one.
    servers: Vec<ConnectionInfo>,
    /// How to log in to a server that others named.
    login: Login,
    certificates: Option<TlsCertificates>,
    /// The last server that did not answer is asked last.
    first: std::sync::Arc<AtomicUsize>,
}

/// The longest wait for an answer.
pub(super) const ANSWER: Duration = Duration::from_millis(500);
/// The longest wait for a connection, with its handshakes.
const OPEN: Duration = Duration::from_secs(1);

impl Endpoint {
    pub(super) fn new(config: &RedisConfig, faults: &mut Vec<SettingsFault>) -> Option<Self> {
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
        let root = tls.root.clone();
        let client = tls.client_certificate.clone().zip(tls.client_key.clone());
        let client_tls = client.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        if tls.client_certificate.is_some() != tls.client_key.is_some() {
            let problem = "has only one of the client's certificate and its key: give both";
            faults.push(SettingsFault::new("tls", problem));
        }
        let custom = root.is_some() || client_tls.is_some();
        if root.as_deref().is_some_and(|pem| !holds_certificates(pem)) {
            faults.push(SettingsFault::new(
                "tls_root",
                "holds no certificate: give PEM, which begins with -----BEGIN CERTIFICATE",
            ));
        }
        if servers.iter().any(is_tls) {
            provide_cryptography();
        } else if custom && faults.len() == before {
            let problem = "are given and no url is rediss://: nothing would be encrypted";
            faults.push(SettingsFault::new("tls", problem));
        }
        let certificates = custom.then_some(TlsCertificates { client_tls, root_cert: root });
        let endpoint = Self {
            topology: topology.clone(),
            servers,
            login: login.clone(),
            certificates,
            first: std::sync::Arc::default(),
        };
        if let Some(server) = endpoint.servers.iter().find(|server| is_tls(server))
            && let Err(error) = endpoint.client(server.clone())
        {
            faults.push(SettingsFault::new("tls", format!("certificates are refused: {}", error.reason())));
        }
        (faults.len() == before).then_some(endpoint)
    }

    /// Whether messages go over sharded channels.
    pub(super) fn is_sharded(&self) -> bool {
        self.topology == Topology::Cluster
    }

    /// The server that has this key at present.
    pub(super) async fn resolve(&self, key: &str) -> Result<Client, StoreError> {
        let first = self.first.load(Ordering::Relaxed);
        let mut last = StoreError::Other("no url".to_owned());
        for nth in 0..self.servers.len() {
            let place = (first + nth) % self.servers.len();
            let asked = async {
                let server = self.servers[place].clone();
                match &self.topology {
                    Topology::Standalone => {
                        let client = self.client(server)?;
                        // Of several, one that answers.
                        if self.servers.len() > 1 {
                            commands(&client).await?;
                        }
                        Ok(client)
                    }
                    Topology::Sentinel { master } => self.ask_sentinel(server, master).await,
                    Topology::Cluster => self.ask_cluster(server, slot(key)).await,
                }
            };
            match asked.await {
                Ok(client) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(client);
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

    async fn ask_sentinel(&self, sentinel: ConnectionInfo, master: &str) -> Result<Client, StoreError> {
        let encrypted = is_tls(&sentinel);
        let mut connection = commands(&self.client(sentinel)?).await?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let address: Option<(String, u16)> = ask.query_async(&mut connection).await?;
        let unknown = || StoreError::Other(format!("the sentinel knows no master `{master}`"));
        let (host, port) = address.ok_or_else(unknown)?;
        self.client(self.named(host, port, encrypted))
    }

    async fn ask_cluster(&self, node: ConnectionInfo, slot: u16) -> Result<Client, StoreError> {
        let encrypted = is_tls(&node);
        let asked = match node.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        };
        let mut connection = commands(&self.client(node)?).await?;
        let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
        let (host, port) = owner(&slots, slot)
            .ok_or_else(|| StoreError::Other(format!("no node of the cluster has slot {slot}")))?;
        // An empty name is the node that was asked.
        let host = if host.is_empty() { asked } else { host };
        self.client(self.named(host, port, encrypted))
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

    fn client(&self, server: ConnectionInfo) -> Result<Client, StoreError> {
        let client = match &self.certificates {
            Some(certificates) if is_tls(&server) => Client::build_with_tls(server, certificates.clone()),
            _ => Client::open(server),
        };
        Ok(client?)
    }
}

/// A connection for commands, of which each is answered in time or fails.
pub(super) async fn commands(client: &Client) -> Result<MultiplexedConnection, StoreError> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(OPEN)).set_response_timeout(Some(ANSWER));
    within(OPEN, client.get_multiplexed_async_connection_with_config(&config)).await
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
    let tcp = TcpSettings::default().set_nodelay(true);
    Some(info.set_redis_settings(settings.set_protocol(protocol)).set_tcp_settings(tcp))
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

/// The client library takes any text, and would then trust no server.
fn holds_certificates(pem: &[u8]) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.is_ok_and(|certificates| !certificates.is_empty())
}

/// TLS asks for a cryptography provider that is the process's. The service's own choice counts;
/// without one it is ring.
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was quicker, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
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
