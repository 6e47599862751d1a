// SPDX-License-Identifier: Apache-2.0
//! Runs commands at the root of the workspace and says which, so that a reader of the log can
//! repeat any of them by hand.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::step::Outcome;

/// One command with its environment.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

pub(crate) struct Shell {
    root: PathBuf,
}

impl Job {
    pub(crate) fn program(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new() }
    }

    pub(crate) fn cargo<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self::program("cargo").args(args)
    }

    #[must_use]
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// The command as one would type it.
    fn spelled(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = std::iter::once(&self.program).chain(&self.args).map(|word| quoted(word));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
}

impl Shell {
    pub(crate) fn at_the_root() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: here.parent().unwrap_or(here).to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a command whose output goes straight to the terminal.
    pub(crate) fn run(&self, job: Job) -> anyhow::Result<Outcome> {
        let status = self.start(&job, |_| {})?.wait()?;
        Ok(judge(status))
    }

    /// Like [`Self::run`], but ends the command when its time is up.
    pub(crate) fn run_within(&self, job: Job, limit: Duration) -> anyhow::Result<Outcome> {
        let mut child = self.start(&job, |_| {})?;
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(judge(status));
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                let limit = limit.as_secs();
                return Ok(Outcome::Failed(format!("still running after {limit} s")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command and hands each line of its standard output on, while it also goes to the
    /// terminal.
    pub(crate) fn watch(&self, job: Job, mut line: impl FnMut(&str)) -> anyhow::Result<Outcome> {
        let mut child = self.start(&job, |command| {
            command.stdout(Stdio::piped());
        })?;
        if let Some(stdout) = child.stdout.take() {
            let mut terminal = std::io::stdout().lock();
            for text in BufReader::new(stdout).split(b'\n') {
                let text = text?;
                let text = String::from_utf8_lossy(&text);
                writeln!(terminal, "{text}")?;
                line(&text);
            }
        }
        Ok(judge(child.wait()?))
    }

    /// Runs a command quietly; gives its status, standard output and standard error.
    pub(crate) fn capture(&self, job: &Job) -> anyhow::Result<std::process::Output> {
        self.command(job).output().with_context(|| format!("cannot run {}", job.spelled()))
    }

    fn start(&self, job: &Job, prepare: impl FnOnce(&mut Command)) -> anyhow::Result<Child> {
        println!("$ {}", job.spelled());
        std::io::stdout().flush()?;
        let mut command = self.command(job);
        prepare(&mut command);
        command.spawn().with_context(|| format!("cannot run {}", job.spelled()))
    }

    fn command(&self, job: &Job) -> Command {
        let mut command = Command::new(&job.program);
        command.args(&job.args).envs(job.env.iter().map(|(name, value)| (name, value)));
        // `cargo run` describes this very package to its children; a build script that looks at
        // these names would otherwise be told about the wrong package, and be built twice.
        for (name, _) in std::env::vars_os() {
            let spelled = name.to_string_lossy();
            if spelled.starts_with("CARGO_PKG_") || spelled.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

fn judge(status: ExitStatus) -> Outcome {
    if status.success() { Outcome::passed() } else { Outcome::Failed(status.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_spelled_as_one_would_type_it() {
        let job = Job::cargo(["test", "-p", "x"]).env("RUSTFLAGS", "--cfg loom");
        assert_eq!(job.spelled(), "RUSTFLAGS='--cfg loom' cargo test -p x");
    }

    #[test]
    fn a_failing_command_is_a_failed_step() {
        let shell = Shell::at_the_root();
        let outcome = shell.run(Job::cargo(["--no-such-flag"]));
        assert!(matches!(outcome, Ok(Outcome::Failed(_))));
    }

    #[test]
    fn watching_sees_every_line() {
        let mut lines = Vec::new();
        let shell = Shell::at_the_root();
        let outcome = shell.watch(Job::cargo(["--version"]), |line| lines.push(line.to_owned()));
        assert!(matches!(outcome, Ok(Outcome::Passed(_))));
        assert!(matches!(lines.as_slice(), [line] if line.starts_with("cargo ")));
    }
}
