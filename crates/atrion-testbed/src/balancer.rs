// SPDX-License-Identifier: Apache-2.0
//! A real balancer with a configuration of the test's: Envoy, HAProxy, nginx or Caddy.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::keeper::{Keeper, folder};
use crate::ports::{free_port, on_free_ports};
use crate::{Programs, Server, ServerError, locate};

/// A balancer. Ends with the value.
#[derive(Debug)]
pub struct Balancer {
    keeper: Keeper,
    programs: Programs,
    address: SocketAddr,
}

impl Balancer {
    /// Starts `server` with the configuration that `settings` makes for the address that it shall
    /// listen on, and returns when it does.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, it is no balancer, or it does not start; its log is in the
    /// error.
    pub fn start(server: Server, settings: impl Fn(SocketAddr) -> String) -> Result<Self, ServerError> {
        let programs = locate(server)?;
        on_free_ports(|| Self::try_start(server, programs.clone(), &settings))
    }

    fn try_start(
        server: Server,
        programs: Programs,
        settings: &impl Fn(SocketAddr) -> String,
    ) -> Result<Self, ServerError> {
        let folder = folder(false)?;
        let address = free_port()?;
        let file = folder.path().join("settings");
        // Envoy reads a kind of file from its name.
        let file = if server == Server::Envoy { file.with_extension("yaml") } else { file };
        let doing = ServerError::io(file.display().to_string());
        std::fs::write(&file, settings(address)).map_err(doing)?;
        let arguments = arguments(server, folder.path(), &file).ok_or_else(|| ServerError::Missing {
            server,
            reason: format!("{} is no balancer", server.name()),
        })?;
        let command = [programs.server.clone().into_os_string()].into_iter().chain(arguments);
        let keeper = Keeper::start(folder, command, programs.libraries.as_deref(), false)?;
        let balancer = Self { keeper, programs, address };
        let name = format!("{} listens", server.name());
        balancer.keeper.wait_until(&name, || TcpStream::connect(address).is_ok())?;
        Ok(balancer)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it calls its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.programs.version
    }

    /// The number of its first process, whose children may do the work.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.keeper.process()
    }
}

/// How it is told to stay in the foreground, with this file.
fn arguments(server: Server, folder: &Path, file: &Path) -> Option<Vec<OsString>> {
    let words: &[&str] = match server {
        Server::Envoy => &["--disable-hot-restart", "--concurrency", "2", "--log-level", "warn", "-c"],
        Server::HaProxy => &["-db", "-f"],
        Server::Caddy => &["run", "--adapter", "caddyfile", "--config"],
        // Its paths are below the folder.
        Server::Nginx => &["-e", "stderr", "-g", "daemon off;", "-c"],
        _ => return None,
    };
    let mut words: Vec<OsString> = words.iter().map(Into::into).collect();
    words.push(file.into());
    if server == Server::Nginx {
        words.extend(["-p".into(), folder.into()]);
    }
    Some(words)
}
