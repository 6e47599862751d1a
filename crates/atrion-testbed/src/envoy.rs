// SPDX-License-Identifier: Apache-2.0
//! A real Envoy with a configuration of the test's.

use std::net::{SocketAddr, TcpStream};

use crate::keeper::{Keeper, folder};
use crate::ports::{free_port, on_free_ports};
use crate::{Programs, Server, ServerError, locate};

/// An Envoy. Ends with the value.
#[derive(Debug)]
pub struct Envoy {
    keeper: Keeper,
    programs: Programs,
    address: SocketAddr,
}

impl Envoy {
    /// Starts one with the configuration that `settings` makes for the address that it shall listen
    /// on, and returns when it does.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start; its log is in the error.
    pub fn start(settings: impl Fn(SocketAddr) -> String) -> Result<Self, ServerError> {
        let programs = locate(Server::Envoy)?;
        on_free_ports(|| Self::try_start(programs.clone(), &settings))
    }

    fn try_start(programs: Programs, settings: &impl Fn(SocketAddr) -> String) -> Result<Self, ServerError> {
        let folder = folder(false)?;
        let address = free_port()?;
        let file = folder.path().join("envoy.yaml");
        let doing = ServerError::io(file.display().to_string());
        std::fs::write(&file, settings(address)).map_err(doing)?;
        let arguments = ["--disable-hot-restart", "--concurrency", "2", "--log-level", "warn", "-c"];
        let command = [programs.server.clone().into_os_string()];
        let command = command.into_iter().chain(arguments.map(Into::into)).chain([file.into_os_string()]);
        let keeper = Keeper::start(folder, command, programs.libraries.as_deref(), false)?;
        let envoy = Self { keeper, programs, address };
        envoy.keeper.wait_until("Envoy listens", || TcpStream::connect(address).is_ok())?;
        Ok(envoy)
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
}
