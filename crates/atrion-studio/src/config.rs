// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The settings, and one check that reports all faults at once.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::Token;

/// How Studio is served.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data: made with `..StudioConfig::default()`
pub struct StudioConfig {
    /// Where to listen. `127.0.0.1:7117` by default; port 0 takes a free one.
    pub address: SocketAddr,
    /// The access: a token, or none.
    pub access: Access,
    /// Names under which browsers reach it beside `localhost` and the address itself, with the port
    /// if it is not the scheme's own: `studio.internal`, `studio.internal:8443`. A request for any
    /// other name gets 421, so that no page of another site can reach it by pointing its own name
    /// here.
    pub hosts: Vec<String>,
    /// Whether overrides can be set. Off by default.
    pub overrides: bool,
    /// The time between two looks at the routes, 0.5 s to 10 s. A second by default.
    pub interval: Duration,
    /// The memory for the curves of all routes, 1 to 1,024 MiB. 24 by default: 1,000 routes for
    /// four minutes, 100 for 15.
    pub history_mib: usize,
    /// How many of the latest minutes of routes in trouble, or in use, are kept for a replay with
    /// other settings, 0 to 60; 0 keeps none. 5 by default, of at most eight routes: 0.4 MB per
    /// minute and route, so 16 MB at the most.
    pub kept_minutes: u32,
    /// The most browsers at a time, 1 to 1,000. 32 by default.
    pub clients: usize,
    /// The name of this node in the fleet view.
    pub node: String,
    /// The cluster, for a license that is bound to some clusters.
    pub cluster: String,
}

/// Who may use Studio.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Access {
    /// Everybody with a token that is made at the start; [`Running::url`](crate::Running::url) has
    /// it.
    Generated,
    /// Everybody with this token.
    Token(Token),
    /// Every user and every program of this machine. Only on a loopback address, and without
    /// overrides.
    Open,
}

impl Default for StudioConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7117)),
            access: Access::Generated,
            hosts: Vec::new(),
            overrides: false,
            interval: Duration::from_secs(1),
            history_mib: 24,
            kept_minutes: 5,
            clients: 32,
            node: "this node".to_owned(),
            cluster: "default".to_owned(),
        }
    }
}

/// A configuration that was refused, with all its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudioConfigError {
    faults: Vec<String>,
}

impl StudioConfig {
    /// Checks everything.
    ///
    /// # Errors
    /// All faults at once.
    pub fn check(&self) -> Result<(), StudioConfigError> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let (address, loopback) = (self.address, self.address.ip().is_loopback());
        let open = matches!(self.access, Access::Open);
        // Only a token that its owner chose can be known on other machines.
        must(
            loopback || matches!(self.access, Access::Token(_)),
            format!(
                "`address` {address} is not a loopback address: set `access` to a token of your own, or stay on 127.0.0.1"
            ),
        );
        must(!(open && self.overrides), "`overrides` need a token: set `access` to one".to_owned());
        let interval = self.interval.as_secs_f64();
        must((0.5..=10.0).contains(&interval), format!("`interval` must be 0.5 s to 10 s, got {interval} s"));
        let history = self.history_mib;
        must((1..=1_024).contains(&history), format!("`history_mib` must be 1..=1024, got {history}"));
        let minutes = self.kept_minutes;
        must(minutes <= 60, format!("`kept_minutes` must be 0..=60, got {minutes}"));
        let clients = self.clients;
        must((1..=1_000).contains(&clients), format!("`clients` must be 1..=1000, got {clients}"));
        for host in &self.hosts {
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
            must(
                !host.is_empty() && host.chars().all(plain),
                format!(
                    "`hosts` must be names as in a Host header, with the port where there is one, got {host:?}"
                ),
            );
        }
        for (field, name) in [("node", &self.node), ("cluster", &self.cluster)] {
            let fits = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
            must(
                fits,
                format!("`{field}` must be 1..=64 characters without control characters, got {name:?}"),
            );
        }
        if faults.is_empty() { Ok(()) } else { Err(StudioConfigError { faults }) }
    }
}

impl StudioConfigError {
    /// All faults, one sentence each.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(String::as_str)
    }
}

impl fmt::Display for StudioConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "studio configuration refused, {} to mend: {}", self.faults.len(), self.faults.join("; "))
    }
}

impl std::error::Error for StudioConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_listens_to_this_machine_alone() {
        let config = StudioConfig::default();
        assert_eq!(config.check(), Ok(()));
        assert!(config.address.ip().is_loopback() && !config.overrides);
    }

    #[test]
    fn another_address_needs_a_chosen_token() {
        for address in ["0.0.0.0:7117", "[::]:7117", "192.0.2.1:80"] {
            let config = StudioConfig { address: address.parse().unwrap(), ..StudioConfig::default() };
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(address) && error.contains("token of your own"), "{error}");
            let open = StudioConfig { access: Access::Open, ..config.clone() };
            assert!(open.check().is_err());
            let access = Access::Token(Token::generate().unwrap());
            assert_eq!(StudioConfig { access, ..config }.check(), Ok(()));
        }
    }

    #[test]
    fn all_faults_come_at_once() {
        let config = StudioConfig {
            access: Access::Open,
            overrides: true,
            interval: Duration::ZERO,
            history_mib: 0,
            clients: 0,
            hosts: vec!["a/b".to_owned()],
            node: "\n".to_owned(),
            ..StudioConfig::default()
        };
        assert_eq!(config.check().unwrap_err().faults().count(), 6);
    }
}
