// SPDX-License-Identifier: Apache-2.0
//! Ports that were free a moment ago.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::ServerError;

/// How often a start is tried, if another process takes the port meanwhile.
const TRIES: usize = 5;

/// A port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> Result<SocketAddr, ServerError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(ServerError::io("cannot find a free port"))
}

/// Starts a server on ports of its choice, and again on others if it finds them taken.
pub(crate) fn on_free_ports<T>(mut start: impl FnMut() -> Result<T, ServerError>) -> Result<T, ServerError> {
    for _ in 1..TRIES {
        match start() {
            Err(ServerError::Dead { tail, .. }) if tail.contains("in use") => {}
            started => return started,
        }
    }
    start()
}
