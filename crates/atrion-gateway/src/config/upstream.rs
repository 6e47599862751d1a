// SPDX-License-Identifier: Apache-2.0
//! `[[upstream]]` and `[timeouts]`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Timeouts;
use super::table::Table;
use super::values::{self, Address};

/// A service behind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Upstream {
    /// The name, in logs and metrics; also of the group whose gate its routes share.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// What it speaks.
    pub protocol: Protocol,
    /// The host that it serves, without a port. `None`: every host.
    pub host: Option<String>,
    /// The prefix of the paths that it serves, in whole segments. `/`: every path.
    pub path: String,
    /// Idle connections that are kept.
    pub idle_connections: usize,
    /// TLS, if it speaks it.
    pub tls: Option<ClientTls>,
    /// How long each stage may take.
    pub timeouts: Timeouts,
}

/// What a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 alone, also without TLS: for gRPC.
    Http2,
}

/// TLS towards a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientTls {
    /// The name in the service's certificate. `None`: the host of its address.
    pub server_name: Option<String>,
    /// Whose certificates are believed, as PEM. Debian has those of the public authorities in
    /// `/etc/ssl/certs/ca-certificates.crt`.
    pub ca: PathBuf,
    /// The gateway's own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// All of them: names and places tell them apart.
pub(super) fn upstreams(table: &mut Table<'_>, timeouts: Timeouts) -> Vec<Upstream> {
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    table.list("upstream", |table| {
        let one = upstream(table, timeouts)?;
        if !names.insert(one.name.clone()) {
            table.fault(format!("there is another upstream `{}`: give this one its own `name`", one.name));
        }
        if !places.insert((one.host.clone(), one.path.clone())) {
            table.fault("another upstream serves the same requests: give this one its own `host` or `path`");
        }
        Some(one)
    })
}

fn upstream(table: &mut Table<'_>, timeouts: Timeouts) -> Option<Upstream> {
    let name = table.optional("name", |item| {
        item.parse("a name of 1 to 100 letters, digits, `-`, `_` and `.`", |value| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let name = value.as_str().filter(|name| (1..=100).contains(&name.len()));
            name.filter(|name| name.bytes().all(is_plain)).map(str::to_owned)
        })
    });
    let address = table.required("address", values::address);
    const PROTOCOLS: &[(&str, Protocol)] = &[("http1", Protocol::Http1), ("http2", Protocol::Http2)];
    let protocol = table.read("protocol", Protocol::Http1, values::one_of(PROTOCOLS));
    let host = table.optional("host", |item| {
        item.parse("a host without a port", |value| {
            let host = value.as_str()?;
            let authority: http::uri::Authority = host.parse().ok()?;
            (authority.host() == host).then(|| host.to_ascii_lowercase())
        })
    });
    let path = table.read("path", "/".to_owned(), |item| {
        item.parse("a path that begins with `/`, without `?`, `#` and dots", |value| {
            let path = value.as_str()?;
            let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#');
            let is_path = path.starts_with('/') && is_plain && !crate::template::has_dots(path);
            is_path.then(|| path.to_owned())
        })
    });
    let idle_connections = table.read("idle_connections", 256, values::number(0..=100_000));
    let tls = table.optional("tls", |item| item.table()?.whole(client_tls));
    let timeouts = table.read("timeouts", timeouts, |item| {
        Some(item.table()?.whole(|table| self::timeouts(table, timeouts)))
    });
    let name = name.unwrap_or_else(|| "service".to_owned());
    Some(Upstream { name, address: address?, protocol, host, path, idle_connections, tls, timeouts })
}

fn client_tls(table: &mut Table<'_>) -> Option<ClientTls> {
    let server_name = table.optional("server_name", |item| {
        item.parse("the name of a host", |value| {
            let name = value.as_str()?.to_owned();
            rustls::pki_types::ServerName::try_from(name.clone()).is_ok().then_some(name)
        })
    });
    let ca = table.required("ca", values::path);
    let certificate = table.optional("certificate", values::path);
    let key = table.optional("key", values::path);
    if certificate.is_some() != key.is_some() {
        table.fault("`certificate` and `key` go together: write both, or neither");
    }
    Some(ClientTls { server_name, ca: ca?, identity: certificate.zip(key) })
}

pub(super) fn timeouts(table: &mut Table<'_>, over: Timeouts) -> Timeouts {
    Timeouts {
        connect: table.read("connect", over.connect, values::duration),
        request_body: table.read("request_body", over.request_body, values::duration),
        response_head: table.read("response_head", over.response_head, values::duration),
        response_body: table.read("response_body", over.response_body, values::duration),
        tunnel: table.read("tunnel", over.tunnel, values::duration),
    }
}
