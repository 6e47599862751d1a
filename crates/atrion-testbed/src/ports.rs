// SPDX-License-Identifier: Apache-2.0
//! Ports that nobody has, as far as anybody can know.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::ServerError;

/// How often a start is tried again when somebody took the port meanwhile.
const TRIES: usize = 5;

/// A port that nobody had a moment ago.
pub(crate) fn free_port() -> Result<SocketAddr, ServerError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(ServerError::io("cannot find a free port"))
}

/// Starts a server on ports of its choice; once more, on others, if it finds them taken.
pub(crate) fn on_free_ports<T>(mut start: impl FnMut() -> Result<T, ServerError>) -> Result<T, ServerError> {
    for _ in 1..TRIES {
        match start() {
            Err(ServerError::Dead { tail, .. }) if tail.contains("in use") => {}
            started => return started,
        }
    }
    start()
}
