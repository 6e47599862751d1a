// SPDX-License-Identifier: Apache-2.0
//! A server process with its folder, under a shell that outlives neither of them.
//!
//! The shell reads a pipe whose other end only this process has. When the pipe closes, because the
//! value was dropped or the test was killed, the shell ends the server, stopped children included,
//! and removes the folder.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ServerError;

/// The user `nobody`, who owns no file: a server that refuses root runs as this user instead.
pub(crate) const NOBODY: u32 = 65_534;

/// How long a server may take to be ready: two cores under a full build are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

// $1 is the folder, the rest the server. Each line on the standard input asks for another start.
// When a test dies that had stopped its server, the kernel sends SIGHUP to the group that is left:
// the shell has to survive that.
const SCRIPT: &str = r#"
trap '' HUP
dir=$1; shift
start() { "$@" </dev/null >>"$dir/log" 2>&1 & p=$!; echo $p; }
start "$@"
while read -r _; do wait $p 2>/dev/null; start "$@"; done
family() {
  for s in /proc/[0-9]*/stat; do
    read -r c _ _ q _ <"$s" && [ "$q" = $p ] && kill -$1 $c
  done; kill -$1 $p
}
{ family CONT; kill -INT $p
  n=0; while kill -0 $p && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done
  kill -0 $p && family KILL; } 2>/dev/null
wait $p 2>/dev/null
rm -rf "$dir"
"#;

#[derive(Debug)]
pub(crate) struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    reports: BufReader<ChildStdout>,
    server: Option<Pid>,
    folder: PathBuf,
}

/// A new folder for a server, owned by the user that it will run as. It is in the system's
/// temporary folder, because a socket's path may have 108 bytes at most.
pub(crate) fn folder(as_nobody: bool) -> Result<TempDir, ServerError> {
    let doing = "cannot make a folder for a server";
    let folder = tempfile::Builder::new().prefix("atrion-").tempdir().map_err(ServerError::io(doing))?;
    if as_nobody {
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY))
            .map_err(ServerError::io(doing))?;
    }
    Ok(folder)
}

/// Whether this process is root, so that a server that refuses root is started as another user.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives a file to the user that the server runs as, and to no other.
pub(crate) fn own(file: &Path, as_nobody: bool) -> std::io::Result<()> {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
    if as_nobody { chown(file, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
}

/// Lets a command run as the user `nobody`, if it must.
pub(crate) fn lower(command: &mut Command, as_nobody: bool) -> &mut Command {
    if as_nobody {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

impl Keeper {
    /// Starts `server`, whose log and data are in `folder`, which belongs to the keeper from now
    /// on.
    pub(crate) fn start<A: AsRef<OsStr>>(
        folder: TempDir,
        server: impl IntoIterator<Item = A>,
        libraries: Option<&OsStr>,
        as_nobody: bool,
    ) -> Result<Self, ServerError> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "atrion-test-server"]).arg(folder.path()).args(server);
        command.current_dir(folder.path());
        if let Some(libraries) = libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // Its own group: a signal of a terminal or a test runner must not end it before its server.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell =
            lower(&mut command, as_nobody).spawn().map_err(ServerError::io("cannot start `sh`"))?;
        let orders = shell.stdin.take();
        let stdout = shell.stdout.take().ok_or_else(|| std::io::Error::other("no pipe"));
        let reports = BufReader::new(stdout.map_err(ServerError::io("cannot start `sh`"))?);
        let mut keeper = Self { shell, orders, reports, server: None, folder: folder.keep() };
        keeper.server = keeper.hear()?;
        Ok(keeper)
    }

    /// The number of the server's process.
    pub(crate) fn process(&self) -> Option<u32> {
        self.server.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the server still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.server.is_some_and(lives)
    }

    /// SIGKILL to the server and its children; returns when they are gone.
    pub(crate) fn kill(&mut self) {
        let family = self.stopped_family();
        signal(&family, Signal::KILL);
        let deadline = Instant::now() + PATIENCE;
        while family.iter().any(|pid| lives(*pid)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// SIGSTOP: the server and its children hang.
    pub(crate) fn stop(&self) {
        self.stopped_family();
    }

    /// SIGCONT: they go on.
    pub(crate) fn cont(&self) {
        signal(&self.family(), Signal::CONT);
    }

    /// The server's process.
    pub(crate) const fn server(&self) -> Option<Pid> {
        self.server
    }

    /// Kills the server, if it runs, and starts it once more, in the same folder but without
    /// `leftovers`: sockets and locks that a killed server does not remove.
    pub(crate) fn start_again(&mut self, leftovers: &[&Path]) -> Result<(), ServerError> {
        self.kill();
        for leftover in leftovers {
            // It may not be there.
            let _ = std::fs::remove_file(leftover);
        }
        if let Some(orders) = &mut self.orders {
            orders.write_all(b"again\n").map_err(ServerError::io("cannot start a server again"))?;
        }
        self.server = self.hear()?;
        Ok(())
    }

    /// An error about the server, with the end of its log.
    pub(crate) fn dead(&self, what: impl Into<String>) -> ServerError {
        let log = self.folder.join("log");
        let text = std::fs::read(&log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(2_000)..]).into_owned();
        ServerError::Dead { what: what.into(), log, tail }
    }

    /// Asks until the answer is yes.
    pub(crate) fn wait_until(&self, what: &str, mut ready: impl FnMut() -> bool) -> Result<(), ServerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if ready() {
                return Ok(());
            }
            if !self.is_alive() {
                return Err(self.dead(format!("{what}: the server ended")));
            }
            if Instant::now() > deadline {
                return Err(self.dead(format!("{what}: not within {PATIENCE:?}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn hear(&mut self) -> Result<Option<Pid>, ServerError> {
        let mut line = String::new();
        self.reports.read_line(&mut line).map_err(ServerError::io("cannot hear from `sh`"))?;
        Ok(line.trim().parse().ok().and_then(Pid::from_raw))
    }

    /// Stops the server first, so that it cannot start another child during the search.
    fn stopped_family(&self) -> Vec<Pid> {
        signal(self.server.as_slice(), Signal::STOP);
        let family = self.family();
        signal(&family, Signal::STOP);
        family
    }

    /// The server and its children. PostgreSQL's are in sessions of their own, so no group has them
    /// all.
    pub(crate) fn family(&self) -> Vec<Pid> {
        let Some(server) = self.server else { return Vec::new() };
        let mut family = vec![server];
        let Ok(processes) = std::fs::read_dir("/proc") else { return family };
        for entry in processes.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // `pid (name) state parent ...`; a name may have spaces and parentheses.
            let rest = stat.rsplit(')').next().unwrap_or_default();
            let parent = rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok());
            if parent == Some(server.as_raw_nonzero().get()) {
                family.extend(Pid::from_raw(pid));
            }
        }
        family
    }
}

/// Whether a process lives. A zombie, which its parent has not reaped yet, is dead.
pub(crate) fn lives(pid: Pid) -> bool {
    match std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
        Ok(stat) => !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) if Path::new("/proc/self/stat").exists() => false,
        Err(_) => rustix::process::test_kill_process(pid).is_ok(),
    }
}

fn signal(family: &[Pid], signal: Signal) {
    for pid in family {
        // A child may be gone already.
        let _ = kill_process(*pid, signal);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        // Fast, because the data is of no use any more: PostgreSQL takes SIGQUIT as "at once" and
        // reaps its children, Redis dies of it. The shell ends the rest.
        self.cont();
        signal(self.server.as_slice(), Signal::QUIT);
        let _ = self.shell.wait();
    }
}
