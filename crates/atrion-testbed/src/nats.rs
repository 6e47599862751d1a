// SPDX-License-Identifier: Apache-2.0
//! A broker.

use std::net::{SocketAddr, TcpStream};

use crate::keeper::{Keeper, folder};
use crate::ports::{free_port, on_free_ports};
use crate::{Programs, Server, ServerError, locate};

/// A NATS server with JetStream, on a TCP port of 127.0.0.1, that keeps its streams in a folder of
/// its own. It ends with the value, and its streams with it.
#[derive(Debug)]
pub struct Nats {
    _keeper: Keeper,
    address: SocketAddr,
}

impl Nats {
    /// Starts one, and returns when it takes connections.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start; its log is in the error.
    pub fn start() -> Result<Self, ServerError> {
        let programs = locate(Server::Nats)?;
        on_free_ports(|| Self::try_start(&programs))
    }

    fn try_start(programs: &Programs) -> Result<Self, ServerError> {
        let (folder, address) = (folder(false)?, free_port()?);
        let port = address.port().to_string();
        let mut command = vec![programs.server.clone().into_os_string()];
        command
            .extend(["--addr", "127.0.0.1", "--port", &port, "--jetstream", "--store_dir"].map(Into::into));
        command.push(folder.path().into());
        let keeper = Keeper::start(folder, command, programs.libraries.as_deref(), false)?;
        keeper.wait_until("NATS answers", || TcpStream::connect(address).is_ok())?;
        Ok(Self { _keeper: keeper, address })
    }

    /// `nats://...`
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}
