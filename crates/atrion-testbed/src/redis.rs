// SPDX-License-Identifier: Apache-2.0
//! One Redis server, or one Valkey server in its place.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::keeper::{Keeper, folder};
use crate::ports::{free_port, on_free_ports};
use crate::resp::{Client, Reply};
use crate::{Programs, Server, ServerError, TlsFiles, locate};

/// What every [`Redis`] of this process is.
static IS: OnceLock<Server> = OnceLock::new();

/// A Redis server that keeps nothing on disk, on a Unix socket and on a TCP port of 127.0.0.1. It
/// ends with the value.
#[derive(Debug)]
pub struct Redis {
    keeper: Keeper,
    socket: PathBuf,
    address: SocketAddr,
    tls: Option<SocketAddr>,
    password: Option<String>,
}

/// What a [`Redis`] is started with.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RedisBuilder {
    arguments: Vec<String>,
    password: Option<String>,
    tls: Option<TlsFiles>,
    sentinel: bool,
}

impl RedisBuilder {
    /// A setting as in `redis.conf`: `("maxmemory", "10mb")`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// A password for the user `default`.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.setting("requirepass", password)
    }

    /// TLS on a port of its own, beside the plain one; [`Redis::tls_url`] has it.
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    pub(crate) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start; its log is in the error.
    pub fn start(self) -> Result<Redis, ServerError> {
        let programs = locate(Redis::server())?;
        on_free_ports(|| self.clone().try_start(&programs))
    }

    fn try_start(self, programs: &Programs) -> Result<Redis, ServerError> {
        let folder = folder(false)?;
        let socket = folder.path().join("s");
        let (address, tls) = (free_port()?, self.tls.as_ref().map(|_| free_port()).transpose()?);
        let mut command = vec![programs.server.clone().into_os_string()];
        if self.sentinel {
            // A sentinel writes what it learns into its configuration.
            let file = folder.path().join("sentinel.conf");
            std::fs::write(&file, "").map_err(ServerError::io("cannot write a sentinel's configuration"))?;
            command.extend([file.into_os_string(), "--sentinel".into()]);
        } else {
            command.extend(
                ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"].map(Into::into),
            );
        }
        command.extend(["--bind".into(), "127.0.0.1".into()]);
        command.extend(["--port".into(), address.port().to_string().into()]);
        command.extend(["--unixsocket".into(), socket.clone().into_os_string()]);
        command.extend(["--dir".into(), folder.path().into()]);
        command.extend(["--daemonize", "no"].map(Into::into));
        if let (Some(files), Some(tls)) = (&self.tls, tls) {
            let files = files.copy_to(folder.path(), false)?;
            command.extend(["--tls-cert-file".into(), files.certificate.into_os_string()]);
            command.extend(["--tls-key-file".into(), files.key.into_os_string()]);
            command.extend(["--tls-ca-cert-file".into(), files.authority.into_os_string()]);
            command.extend(["--tls-auth-clients".into(), "optional".into()]);
            command.extend(["--tls-port".into(), tls.port().to_string().into()]);
        }
        command.extend(self.arguments.iter().map(Into::into));
        let keeper = Keeper::start(folder, command, programs.libraries.as_deref(), false)?;
        let redis = Redis { keeper, socket, address, tls, password: self.password };
        redis.wait_until_ready()?;
        Ok(redis)
    }
}

impl Redis {
    /// Lets every server of this process be a [`Server::Redis`] or a [`Server::Valkey`]: a suite's
    /// choice, before its first start. The first word counts.
    pub fn are_all(server: Server) {
        let _ = IS.set(server);
    }

    /// What they are: Redis, unless something else was chosen.
    #[must_use]
    pub fn server() -> Server {
        *IS.get().unwrap_or(&Server::Redis)
    }

    /// Starts a server without a password.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// Starts with settings of one's own.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// `unix://...`: its socket, with the password if it has one.
    #[must_use]
    pub fn url(&self) -> String {
        let user = self.password.as_ref().map(|password| format!("?pass={password}")).unwrap_or_default();
        format!("unix://{}{user}", self.socket.display())
    }

    /// `redis://127.0.0.1:...`, with the password if it has one.
    #[must_use]
    pub fn tcp_url(&self) -> String {
        self.url_at("redis", self.address)
    }

    /// `rediss://localhost:...`: the port with TLS, if it was started with certificates. The name
    /// is `localhost`, so that a certificate can be made for it.
    #[must_use]
    pub fn tls_url(&self) -> Option<String> {
        self.tls.map(|tls| self.url_at("rediss", tls).replace("127.0.0.1", "localhost"))
    }

    /// `redis://...` at another address that leads here: a [`Proxy`](crate::Proxy)'s.
    #[must_use]
    pub fn url_at(&self, scheme: &str, address: SocketAddr) -> String {
        let user = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{user}{address}")
    }

    /// Its plain port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends one command over the socket: `["CONFIG", "SET", "maxmemory", "1mb"]`.
    ///
    /// # Errors
    /// [`ServerError::Refused`] with what Redis said; [`ServerError::Io`] if it does not answer
    /// within ten seconds.
    pub fn command<A: AsRef<str>>(&self, words: impl IntoIterator<Item = A>) -> Result<Reply, ServerError> {
        let words: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let request = words.join(" ");
        match self.ask(&words).map_err(ServerError::io(format!("`{request}`")))? {
            Reply::Error(answer) => Err(ServerError::Refused { request, answer }),
            reply => Ok(reply),
        }
    }

    /// `CONFIG SET`.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn config_set(&self, name: &str, value: &str) -> Result<(), ServerError> {
        self.command(["CONFIG", "SET", name, value]).map(drop)
    }

    /// SIGKILL: it is gone when this returns, and its data with it.
    pub fn kill(&mut self) {
        self.keeper.kill();
    }

    /// SIGSTOP: it hangs, its connections stay open.
    pub fn stop(&self) {
        self.keeper.stop();
    }

    /// SIGCONT.
    pub fn cont(&self) {
        self.keeper.cont();
    }

    /// Kills it, if it runs, and starts it again at the same addresses: empty.
    ///
    /// # Errors
    /// [`ServerError`] if it does not come up again.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.keeper.start_again(&[&self.socket])?;
        self.wait_until_ready()
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    fn wait_until_ready(&self) -> Result<(), ServerError> {
        self.keeper.wait_until(
            "Redis answers",
            || matches!(self.ask(&["PING".to_owned()]), Ok(Reply::Text(pong)) if pong == "PONG"),
        )
    }

    fn ask(&self, words: &[String]) -> std::io::Result<Reply> {
        let mut client = Client::open(&self.socket)?;
        if let Some(password) = &self.password {
            client.ask(&["AUTH", password])?;
        }
        client.ask(words)
    }
}
