// SPDX-License-Identifier: Apache-2.0
//! Where a server's programs are: named, installed, fetched before, or fetched now.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::keeper::{is_root, lower};
use super::{Server, ServerError, fetch};

/// The programs of a server, which were seen to run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Programs {
    /// The folder of `redis-server`, `pgbouncer`, `promtool` or `chromium`, or of `postgres`, `initdb` and `psql`.
    pub folder: PathBuf,
    /// The program that serves.
    pub server: PathBuf,
    /// What the server calls its version.
    pub version: String,
    /// `LD_LIBRARY_PATH` for them, if they were unpacked and not installed.
    pub libraries: Option<OsString>,
}

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

/// Whether a server is there, and what follows from it under `ATRION_TEST_OFFLINE` and `ATRION_TEST_REQUIRE_SERVERS`.
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

/// Finds a server, or fetches it unless `ATRION_TEST_OFFLINE` is set. Says on the standard error what it fetches.
///
/// # Errors
/// [`ServerError::Missing`] with everything that was tried.
pub fn locate(server: Server) -> Result<Programs, ServerError> {
    let mut tried = Vec::new();
    if let Some(programs) = named(server)? {
        return Ok(programs);
    }
    for folder in installed(server) {
        match check(server, &folder, None) {
            Ok(programs) => return Ok(programs),
            Err(why) => tried.push(why),
        }
    }
    if let Ok(programs) = fetched(server) {
        return Ok(programs);
    }
    let mut failed = |reason: String| {
        tried.push(reason);
        ServerError::Missing { server, reason: tried.join("; ") }
    };
    if is_offline() {
        return Err(failed("ATRION_TEST_OFFLINE forbids to fetch it".to_owned()));
    }
    fetch::fetch(server, || fetched(server)).map_err(failed)
}

/// Where fetched servers are: `target/test-servers` of the workspace, or, if root's tests cannot let nobody in there,
/// a folder of its own for temporary files.
#[must_use]
pub fn home() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).unwrap_or(here);
    let target = root.join("target");
    if is_root() && !everybody_may_pass(root) {
        return std::env::temp_dir().join("atrion-test-servers");
    }
    target.join("test-servers")
}

fn is_offline() -> bool {
    is_set("ATRION_TEST_OFFLINE")
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

fn everybody_may_pass(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    folder.ancestors().all(|folder| {
        std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}

/// The server that the environment names. One that does not run is an error and not a reason to look further.
fn named(server: Server) -> Result<Option<Programs>, ServerError> {
    let (variable, folder) = match server {
        Server::Redis => {
            let program = std::env::var_os("ATRION_TEST_REDIS_SERVER").map(PathBuf::from);
            ("ATRION_TEST_REDIS_SERVER", program)
        }
        Server::Postgres => ("ATRION_TEST_PG_BIN", std::env::var_os("ATRION_TEST_PG_BIN").map(PathBuf::from)),
        Server::PgBouncer => {
            ("ATRION_TEST_PGBOUNCER", std::env::var_os("ATRION_TEST_PGBOUNCER").map(PathBuf::from))
        }
        Server::Promtool => {
            ("ATRION_TEST_PROMTOOL", std::env::var_os("ATRION_TEST_PROMTOOL").map(PathBuf::from))
        }
        Server::Chromium => {
            ("ATRION_TEST_CHROMIUM", std::env::var_os("ATRION_TEST_CHROMIUM").map(PathBuf::from))
        }
    };
    let Some(path) = folder.filter(|path| !path.as_os_str().is_empty()) else { return Ok(None) };
    check(server, &path, None)
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
    if server == Server::PgBouncer {
        // Not on everybody's path.
        folders.push("/usr/sbin".into());
    }
    let program = program(server);
    folders.retain(|folder| folder.join(program).is_file());
    folders.dedup();
    folders
}

fn fetched(server: Server) -> Result<Programs, String> {
    let root = home().join("root");
    let folder = match server {
        Server::Redis | Server::Promtool => root.join("usr/bin"),
        Server::Chromium => root.join("usr/lib/chromium"),
        Server::PgBouncer => root.join("usr/sbin"),
        Server::Postgres => std::fs::read_dir(root.join("usr/lib/postgresql"))
            .map_err(|error| error.to_string())?
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .max()
            .ok_or("nothing fetched")?,
    };
    let libraries = std::env::join_paths(fetch::libraries(&root)).map_err(|error| error.to_string())?;
    check(server, &folder, Some(libraries))
}

const fn refuses_root(server: Server) -> bool {
    matches!(server, Server::Postgres | Server::PgBouncer)
}

const fn program(server: Server) -> &'static str {
    match server {
        Server::Redis => "redis-server",
        Server::Postgres => "postgres",
        Server::PgBouncer => "pgbouncer",
        Server::Promtool => "promtool",
        Server::Chromium => "chromium",
    }
}

/// Runs what is there. `path` is the folder of the programs or, unless there are several, the program itself.
fn check(server: Server, path: &Path, libraries: Option<OsString>) -> Result<Programs, String> {
    let (folder, program) = if server != Server::Postgres && path.is_file() {
        (path.parent().unwrap_or(path).to_owned(), path.to_owned())
    } else {
        (path.to_owned(), path.join(program(server)))
    };
    let ask = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        if let Some(libraries) = &libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // What refuses root, or is out of nobody's reach, must be noticed here.
        let output = lower(&mut command, refuses_root(server) && is_root())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(format!("{}\n{}", said(&output.stdout), said(&output.stderr)).trim().to_owned())
        } else {
            Err(format!(
                "{} {}: {} {}",
                program.display(),
                arguments.join(" "),
                output.status,
                said(&output.stderr)
            ))
        }
    };
    let version = ask(&program, &["--version"])?;
    if server == Server::Postgres {
        let settings = ask(&folder.join("initdb"), &["--show", "-D", "/nowhere"])?;
        let share = settings.lines().find_map(|line| line.strip_prefix("share_path="));
        if !share.is_some_and(|share| Path::new(share).join("postgres.bki").is_file()) {
            return Err(format!("{}: its share folder is missing", folder.display()));
        }
        ask(&folder.join("psql"), &["--version"])?;
    }
    Ok(Programs { folder, server: program, version, libraries })
}
