// SPDX-License-Identifier: Apache-2.0
//! The limit of open files: an unprotected service under overload keeps thousands of connections
//! open, more than the usual soft limit allows.

/// Raises the soft limit of open files to the hard one, for this process and the service it starts.
/// If that fails, the report shows broken connections.
#[cfg(unix)]
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    // macOS refuses a soft limit above 10,240 even if the hard one is unlimited.
    let wanted = limit.maximum.map_or(10_240, |maximum| maximum.min(10_240));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}

/// Windows has no such limit for sockets.
#[cfg(not(unix))]
pub(crate) fn raise_open_files() {}
