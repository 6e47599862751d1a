// SPDX-License-Identifier: Apache-2.0
//! One PostgreSQL server.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::disk::{SmallDisk, limit_files};
use crate::keeper::{Keeper, folder, is_root, lower};
use crate::ports::{free_port, on_free_ports};
use crate::{Programs, Server, ServerError, TlsFiles, locate};

/// A PostgreSQL server with a cluster of its own, on a Unix socket and on a TCP port of 127.0.0.1.
/// It ends with the value, and its data with it.
///
/// Over the socket every role is trusted without a password; over TCP a role needs its password.
/// The superuser is `postgres` with the password [`Postgres::PASSWORD`].
#[derive(Debug)]
pub struct Postgres {
    keeper: Keeper,
    programs: Programs,
    address: SocketAddr,
    disk: Option<SmallDisk>,
}

/// What a [`Postgres`] is started with.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PostgresBuilder {
    settings: Vec<(String, String)>,
    tls: Option<TlsFiles>,
    disk: Option<u32>,
}

impl PostgresBuilder {
    /// A setting as in `postgresql.conf`: `("max_connections", "10")`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// TLS on its TCP port, for clients that ask for it.
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// A disk of this many megabytes beside its usual one, at [`Postgres::disk`]: for a tablespace,
    /// and to be [filled](Postgres::fill_disk). Not on every machine: see
    /// [`no_small_disk`](crate::no_small_disk). An empty database takes eight megabytes.
    pub fn small_disk(mut self, megabytes: u32) -> Self {
        self.disk = Some(megabytes);
        self
    }

    /// Makes the cluster, starts the server, and returns when it answers.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start; its log is in the error.
    pub fn start(self) -> Result<Postgres, ServerError> {
        let programs = locate(Server::Postgres)?;
        on_free_ports(|| self.try_start(programs.clone()))
    }

    fn try_start(&self, programs: Programs) -> Result<Postgres, ServerError> {
        let as_nobody = is_root();
        let folder = folder(as_nobody)?;
        let address = free_port()?;
        initialize(&programs, folder.path(), as_nobody)?;

        let mut command = self.command(&programs, folder.path(), address, as_nobody)?;
        let mut disk = None;
        if let Some(megabytes) = self.disk {
            let (made, wrapped) = SmallDisk::make(folder.path(), megabytes, command, as_nobody)?;
            (disk, command) = (Some(made), wrapped);
        }
        let keeper = Keeper::start(folder, command, programs.libraries.as_deref(), as_nobody)?;
        let postgres = Postgres { keeper, programs, address, disk };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    fn command(
        &self,
        programs: &Programs,
        folder: &Path,
        address: SocketAddr,
        as_nobody: bool,
    ) -> Result<Vec<OsString>, ServerError> {
        let (here, port) = (folder.display().to_string(), address.port().to_string());
        // Nothing here outlives the machine, and a killed process loses nothing that reached the
        // kernel.
        let usual = [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", here.as_str()),
            ("port", port.as_str()),
            ("fsync", "off"),
            ("jit", "off"),
            ("shared_buffers", "32MB"),
        ];
        let mut settings: Vec<_> = usual.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let Some(files) = &self.tls {
            let files = files.copy_to(folder, as_nobody)?;
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", files.certificate.display()));
            settings.push(format!("ssl_key_file={}", files.key.display()));
            settings.push(format!("ssl_ca_file={}", files.authority.display()));
        }
        settings.extend(self.settings.iter().map(|(name, value)| format!("{name}={value}")));
        let mut command = vec![programs.server.clone().into(), "-D".into(), folder.join("data").into()];
        command.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        Ok(command)
    }
}

fn initialize(programs: &Programs, folder: &Path, as_nobody: bool) -> Result<(), ServerError> {
    let doing = "cannot make a PostgreSQL cluster";
    let password = folder.join("password");
    std::fs::write(&password, Postgres::PASSWORD).map_err(ServerError::io(doing))?;
    let mut command = Command::new(programs.folder.join("initdb"));
    command.arg("-D").arg(folder.join("data")).arg("--pwfile").arg(&password);
    command.args(["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]);
    command.args(["--no-sync", "--no-instructions", "--no-locale", "-E", "UTF8"]);
    let output = lower(with_libraries(&mut command, programs), as_nobody)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::io(doing))?;
    if output.status.success() {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(ServerError::Refused { request: "initdb".to_owned(), answer })
}

fn with_libraries<'a>(command: &'a mut Command, programs: &Programs) -> &'a mut Command {
    if let Some(libraries) = &programs.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

impl Postgres {
    /// The superuser's password.
    pub const PASSWORD: &'static str = "trust-no-one";

    /// Starts a server with the usual settings.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// Starts with settings of one's own.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// `postgres://...` of a database over the socket, as the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as("postgres", database)
    }

    /// `postgres://...` of a database over the socket, as this role, which needs no password there.
    #[must_use]
    pub fn url_as(&self, role: &str, database: &str) -> String {
        let port = self.address.port();
        format!("postgres://{role}@localhost:{port}/{database}?host={}", self.keeper.folder().display())
    }

    /// `postgres://...` over TCP with a role and its password, at this server's
    /// [`address`](Self::address) or at another one that leads here: a [`Proxy`](crate::Proxy)'s.
    #[must_use]
    pub fn url_at(address: SocketAddr, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@{address}/{database}?sslmode=disable")
    }

    /// Its TCP port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.keeper.folder().join(format!(".s.PGSQL.{}", self.address.port()))
    }

    /// The folder that it lives in: data, socket and log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    /// The folder of `postgres`, `psql` and, where they are there, `pg_dump` and `pg_restore`.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Runs SQL in a database as the superuser, as psql would; gives the rows, fields divided by
    /// `|`.
    ///
    /// # Errors
    /// [`ServerError::Refused`] with what PostgreSQL said.
    pub fn execute(&self, database: &str, sql: &str) -> Result<Vec<String>, ServerError> {
        self.execute_at(&self.url(database), sql)
    }

    /// The same at the server and database of a URL.
    pub(crate) fn execute_at(&self, url: &str, sql: &str) -> Result<Vec<String>, ServerError> {
        let mut command = Command::new(self.programs.folder.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"]);
        command.args(["-d", url, "-c", sql]);
        command.env("PGCONNECT_TIMEOUT", "10").stdin(Stdio::null());
        let output = with_libraries(&mut command, &self.programs)
            .output()
            .map_err(ServerError::io("cannot run psql"))?;
        if output.status.success() {
            let rows = String::from_utf8_lossy(&output.stdout);
            return Ok(rows.lines().filter(|row| !row.is_empty()).map(str::to_owned).collect());
        }
        let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ServerError::Refused { request: sql.to_owned(), answer })
    }

    /// `CREATE DATABASE`; gives its URL.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn create_database(&self, name: &str) -> Result<String, ServerError> {
        // The strategy that copies files is quicker where nothing is synchronized.
        self.execute("postgres", &format!("create database \"{name}\""))?;
        Ok(self.url(name))
    }

    /// `CREATE ROLE ... LOGIN` with a password.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn create_role(&self, name: &str, password: &str) -> Result<(), ServerError> {
        self.execute("postgres", &format!("create role \"{name}\" login password '{password}'")).map(drop)
    }

    /// Where its small disk is, if it was started with one: for `create tablespace`.
    #[must_use]
    pub fn disk(&self) -> Option<&Path> {
        self.disk.as_ref().map(SmallDisk::folder)
    }

    /// Takes all the room that is left on its small disk.
    ///
    /// # Errors
    /// [`ServerError`] if it has none, or does not run.
    pub fn fill_disk(&self) -> Result<(), ServerError> {
        self.small_disk()?.fill(self.keeper.server())
    }

    /// Gives that room back.
    ///
    /// # Errors
    /// As [`fill_disk`](Self::fill_disk).
    pub fn free_disk(&self) -> Result<(), ServerError> {
        self.small_disk()?.free(self.keeper.server())
    }

    /// Lets no file of the server grow beyond this many bytes from now on; `None` lifts the limit.
    /// A file of its log has 16 MB: a server that cannot write it ends.
    ///
    /// # Errors
    /// [`ServerError`] if the system does not take the limit.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<(), ServerError> {
        limit_files(&self.keeper.family(), bytes)
    }

    /// SIGKILL to the server and every backend: what was not written is lost when this returns.
    pub fn kill(&mut self) {
        self.keeper.kill();
    }

    /// SIGSTOP to the server and every backend: it hangs, its connections stay open.
    pub fn stop(&self) {
        self.keeper.stop();
    }

    /// SIGCONT.
    pub fn cont(&self) {
        self.keeper.cont();
    }

    /// Kills it, if it runs, and starts it again at the same addresses on the same data.
    ///
    /// # Errors
    /// [`ServerError`] if it does not come up again.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        // A killed postmaster leaves its lock, with a process id that another process may have by
        // now.
        let mut lock = self.socket().into_os_string();
        lock.push(".lock");
        let pid = self.keeper.folder().join("data/postmaster.pid");
        self.keeper.start_again(&[&pid, Path::new(&lock)])?;
        self.wait_until_ready()
    }

    fn small_disk(&self) -> Result<&SmallDisk, ServerError> {
        let disk = self.disk.as_ref().ok_or_else(|| std::io::Error::other("it was started without one"));
        disk.map_err(ServerError::io("cannot reach a small disk"))
    }

    fn wait_until_ready(&self) -> Result<(), ServerError> {
        self.keeper.wait_until("PostgreSQL answers", || {
            self.socket().exists() && self.execute("postgres", "select 1").is_ok()
        })
    }
}
