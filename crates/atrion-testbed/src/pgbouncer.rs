// SPDX-License-Identifier: Apache-2.0
//! A pooler before a PostgreSQL.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::keeper::{Keeper, folder, is_root, own};
use crate::ports::{free_port, on_free_ports};
use crate::{Postgres, Programs, Server, ServerError, locate};

/// A PgBouncer that pools *transactions*: two statements of a client go over the same connection to
/// the server if they are in one transaction, and otherwise over any free one. Ends with the value.
///
/// As by PgBouncer's defaults, it refuses parameters of a connection that it does not track for
/// each client.
#[derive(Debug)]
pub struct PgBouncer {
    keeper: Keeper,
    programs: Programs,
    address: SocketAddr,
}

impl PgBouncer {
    /// Starts one before this server, with this many connections to each database, and returns when
    /// it answers.
    ///
    /// # Errors
    /// [`ServerError`]: there is none, or it does not start; its log is in the error.
    pub fn before(postgres: &Postgres, connections: u16) -> Result<Self, ServerError> {
        let programs = locate(Server::PgBouncer)?;
        on_free_ports(|| Self::try_start(programs.clone(), postgres, connections))
    }

    fn try_start(programs: Programs, postgres: &Postgres, connections: u16) -> Result<Self, ServerError> {
        // Like PostgreSQL it refuses root.
        let as_nobody = is_root();
        let folder = folder(as_nobody)?;
        let address = free_port()?;
        let (here, port) = (folder.path().display(), address.port());
        let (there, upstream) = (postgres.folder().display(), postgres.address().port());
        // Clients show the superuser's password; the server trusts every client on its socket.
        let users = format!("\"postgres\" \"{}\"\n", Postgres::PASSWORD);
        let mut settings = format!("[databases]\n* = host={there} port={upstream}\n[pgbouncer]\n");
        let usual = [
            ("listen_addr", "127.0.0.1".to_owned()),
            ("listen_port", port.to_string()),
            ("unix_socket_dir", here.to_string()),
            ("auth_type", "scram-sha-256".to_owned()),
            ("auth_file", format!("{here}/users")),
            ("admin_users", "postgres".to_owned()),
            ("pool_mode", "transaction".to_owned()),
            ("default_pool_size", connections.to_string()),
            // The least recently used connection is next: two transactions of one client rarely
            // share one.
            ("server_round_robin", "1".to_owned()),
            ("server_login_retry", "0.2".to_owned()),
        ];
        for (name, value) in usual {
            // Writing to a string cannot fail.
            let _ = writeln!(settings, "{name} = {value}");
        }
        let file = folder.path().join("pgbouncer.ini");
        for (path, text) in [(&file, &settings), (&folder.path().join("users"), &users)] {
            let doing = || ServerError::io(path.display().to_string());
            std::fs::write(path, text).map_err(doing())?;
            own(path, as_nobody).map_err(doing())?;
        }
        let command = [programs.server.clone().into_os_string(), file.into_os_string()];
        let keeper = Keeper::start(folder, command, programs.libraries.as_deref(), as_nobody)?;
        let pooler = Self { keeper, programs, address };
        pooler.keeper.wait_until("PgBouncer answers", || {
            postgres.execute_at(&pooler.url("postgres"), "select 1").is_ok()
        })?;
        Ok(pooler)
    }

    /// `postgres://...` of a database through the pooler, as the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        Postgres::url_at(self.address, "postgres", Postgres::PASSWORD, database)
    }

    /// Its TCP port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it calls its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.programs.version
    }
}
