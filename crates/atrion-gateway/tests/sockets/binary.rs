// SPDX-License-Identifier: Apache-2.0
//! The binary in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::support::{eventually, get};

/// A gateway that runs. It ends with the value.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Where its configuration is.
    pub(crate) folder: TempDir,
}

impl Process {
    /// Runs a command that becomes a gateway with a listener and an admin listener.
    pub(crate) fn of(command: &mut Command, folder: TempDir) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut told = |what: &str| -> SocketAddr {
            let mut heard = Vec::new();
            let line =
                said.by_ref().inspect(|line| heard.push(line.clone())).find(|line| line.contains(what));
            let line = line.unwrap_or_else(|| panic!("it has ended, and said {heard:?}"));
            line.rsplit_once("address=").unwrap().1.parse().unwrap()
        };
        let (address, admin) = (told(" listens address="), told("admin listens address="));
        // A full pipe would stop it.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, address, admin, folder }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// The sum of the series that begin so.
    pub(crate) async fn metric(&self, begin: &str) -> u64 {
        self.sum(|line| line.starts_with(begin)).await
    }

    /// How many times a route has come into this mode.
    pub(crate) async fn came_into(&self, mode: &str) -> u64 {
        let into = format!("atrion_mode_to=\"{mode}\"");
        self.sum(|line| line.starts_with("atrion_route_mode_transitions_total{") && line.contains(&into))
            .await
    }

    async fn sum(&self, is_wanted: impl Fn(&str) -> bool) -> u64 {
        let page = get(self.admin, "/metrics", "").await;
        let series = page.lines().filter(|line| is_wanted(line));
        series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
