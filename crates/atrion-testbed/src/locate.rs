// SPDX-License-Identifier: Apache-2.0
//! Where a server's programs are: named, installed, fetched before, or fetched now.

use std::path::PathBuf;

use crate::fetch::fetch;
use crate::{Programs, Server, ServerError};

/// What a test that needs a server should do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Availability {
    /// Run.
    Ready(Programs),
    /// Be ignored, for this reason.
    Ignored(String),
    /// Fail: the environment says that the server has to be there.
    Required(ServerError),
}

/// Whether a server is there, and what follows from it under `ATRION_TEST_OFFLINE` and
/// `ATRION_TEST_REQUIRE_SERVERS`.
#[must_use]
pub fn availability(server: Server) -> Availability {
    let required = is_set("ATRION_TEST_REQUIRE_SERVERS");
    if is_offline() && !required {
        return Availability::Ignored(format!("ATRION_TEST_OFFLINE is set, so no {}", server.name()));
    }
    match locate(server) {
        Ok(programs) => Availability::Ready(programs),
        Err(error) if required => Availability::Required(error),
        Err(error) => Availability::Ignored(error.to_string()),
    }
}

/// Finds a server, or fetches it unless `ATRION_TEST_OFFLINE` is set. It names on the standard
/// error what it fetches.
///
/// # Errors
/// [`ServerError::Missing`] with everything that was tried.
pub fn locate(server: Server) -> Result<Programs, ServerError> {
    let mut tried = Vec::new();
    if let Some(programs) = named(server)? {
        return Ok(programs);
    }
    for folder in installed(server) {
        match Programs::check(server, &folder, None) {
            Ok(programs) => return Ok(programs),
            Err(why) => tried.push(why),
        }
    }
    if let Ok(programs) = Programs::fetched(server) {
        return Ok(programs);
    }
    let mut failed = |reason: String| {
        tried.push(reason);
        ServerError::Missing { server, reason: tried.join("; ") }
    };
    if is_offline() {
        return Err(failed("ATRION_TEST_OFFLINE forbids to fetch it".to_owned()));
    }
    fetch(server).map_err(failed)
}

fn is_offline() -> bool {
    is_set("ATRION_TEST_OFFLINE")
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// The server that the environment names. If it does not run, that is an error and not a reason to
/// look further.
fn named(server: Server) -> Result<Option<Programs>, ServerError> {
    let variable = server.variable();
    let path = std::env::var_os(variable).map(PathBuf::from);
    let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else { return Ok(None) };
    Programs::check(server, &path, None)
        .map(Some)
        .map_err(|why| ServerError::Missing { server, reason: format!("{variable}: {why}") })
}

fn installed(server: Server) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    if server == Server::Postgres {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    }
    if matches!(server, Server::PgBouncer | Server::Nats | Server::HaProxy | Server::Nginx) {
        // Debian puts it here, which is not on every `PATH`.
        folders.push("/usr/sbin".into());
    }
    folders.retain(|folder| folder.join(server.program()).is_file());
    folders.dedup();
    folders
}
