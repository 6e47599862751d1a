// SPDX-License-Identifier: Apache-2.0
//! A disk that a test may fill.
//!
//! - A *small disk* is a tmpfs of a few megabytes in namespaces that the server alone is in: an
//!   ordinary user may make it, no other process sees it, and it goes with the server, however that
//!   ends. Where the machine forbids namespaces (containers often do) there is none;
//!   [`no_small_disk`] says why.
//! - A *limit on files* (`RLIMIT_FSIZE`) works everywhere: no file of the server grows beyond it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::process::Pid;

use crate::ServerError;
use crate::keeper::{NOBODY, folder, is_root, lives, lower};

/// A server's own small disk.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    /// Where the server sees it. Every other process sees an empty folder.
    folder: PathBuf,
    megabytes: u32,
}

// Mounting takes the root of a namespace, and PostgreSQL refuses to run as any root: in a second
// namespace inside of the first it is an ordinary user again. Every step replaces the one before,
// so the server has the shell's process id.
const MOUNT: &str = r#"
disk=$1; size=$2; shift 2
mount -t tmpfs -o mode=0700,size="$size" atrion-small-disk "$disk" || exit 1
exec unshare --user --map-user=1000 --map-group=1000 -- "$@"
"#;

/// Why a server cannot have a [small disk](crate::PostgresBuilder::small_disk) here, if it cannot:
/// the reason to ignore a test.
#[must_use]
pub fn no_small_disk() -> Option<String> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    WHY.get_or_init(|| tried().err()).clone()
}

fn tried() -> Result<(), String> {
    let folder = folder(is_root()).map_err(|error| error.to_string())?;
    let mut words = wrapped(folder.path(), 1, ["true".into()]);
    let arguments = words.split_off(1);
    let tried = run("unshare", &arguments).map_err(|error| error.to_string())?;
    tried.map_err(|said| format!("no disk can be mounted in a namespace here: {said}"))
}

/// The command in namespaces where `disk` is a disk of this many megabytes.
fn wrapped(disk: &Path, megabytes: u32, command: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c", MOUNT, "atrion-small-disk"]
            .map(Into::into)
            .into();
    words.extend([disk.into(), format!("{megabytes}m").into()]);
    words.extend(command);
    words
}

impl SmallDisk {
    /// Makes the place for it in a server's folder, and gives the command that starts the server
    /// with it.
    pub(crate) fn make(
        within: &Path,
        megabytes: u32,
        command: Vec<OsString>,
        as_nobody: bool,
    ) -> Result<(Self, Vec<OsString>), ServerError> {
        let folder = within.join("disk");
        let doing = || ServerError::io(folder.display().to_string());
        std::fs::create_dir(&folder).map_err(doing())?;
        if as_nobody {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).map_err(doing())?;
        }
        let command = wrapped(&folder, megabytes, command);
        Ok((Self { folder, megabytes }, command))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a file on it that takes all of the room.
    pub(crate) fn fill(&self, server: Option<Pid>) -> Result<(), ServerError> {
        let mut file = OsString::from("of=");
        file.push(self.ballast(server)?);
        // No more than its size, so that a mistake fills no other disk.
        let most = format!("count={}", u64::from(self.megabytes) * 1_024 / 4);
        let said = run("dd", &["if=/dev/zero".into(), file, "bs=4096".into(), most.into()])?;
        match said {
            Err(said) if said.contains("No space left") => Ok(()),
            answer => {
                let answer = answer.err().unwrap_or_else(|| "there was room for all of it".to_owned());
                Err(ServerError::Refused { request: "fill a small disk".to_owned(), answer })
            }
        }
    }

    /// Takes it away again.
    pub(crate) fn free(&self, server: Option<Pid>) -> Result<(), ServerError> {
        let request = || "free a small disk".to_owned();
        let removed = run("rm", &[self.ballast(server)?])?;
        removed.map_err(|answer| ServerError::Refused { request: request(), answer })
    }

    /// The file that takes the room. Its path goes through the server's process, which alone sees
    /// the disk.
    fn ballast(&self, server: Option<Pid>) -> Result<OsString, ServerError> {
        let pid = server.ok_or_else(|| std::io::Error::other("the server does not run"));
        let pid = pid.map_err(ServerError::io("cannot reach a small disk"))?;
        let inside = self.folder.strip_prefix("/").unwrap_or(&self.folder);
        let root = Path::new("/proc").join(pid.as_raw_nonzero().to_string()).join("root");
        Ok(root.join(inside).join("ballast").into())
    }
}

/// Runs a program as the server's user: its namespace gives no right to another user, not even to
/// root. Gives what the program complained about.
fn run(program: &str, arguments: &[OsString]) -> Result<Result<(), String>, ServerError> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
    let output = lower(&mut command, is_root())
        .output()
        .map_err(ServerError::io(format!("cannot run `{program}`")))?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Ok(if output.status.success() { Ok(()) } else { Err(said()) })
}

/// Lets no file of these processes, and of those that they start, grow beyond this many bytes;
/// `None` lifts the limit.
pub(crate) fn limit_files(processes: &[Pid], bytes: Option<u64>) -> Result<(), ServerError> {
    // The soft limit only, which may be raised again.
    let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    for pid in processes {
        // Also because root may not have the right to limit other users' processes.
        let arguments = ["--pid".to_owned(), pid.as_raw_nonzero().to_string(), format!("--fsize={limit}:")];
        let limited = run("prlimit", &arguments.map(OsString::from))?;
        match limited {
            // A process that has ended meanwhile needs no limit.
            Err(answer) if lives(*pid) => {
                return Err(ServerError::Refused { request: format!("a limit of {limit} on files"), answer });
            }
            _ => {}
        }
    }
    Ok(())
}
