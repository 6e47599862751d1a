// SPDX-License-Identifier: Apache-2.0
//! Runs a command at the root of the workspace and prints it, so that a reader of the log can
//! repeat it by hand.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::outcome::Outcome;
use crate::process;

/// A command with its environment.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
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

    /// The command as a user types it.
    fn spelled(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = std::iter::once(&self.program).chain(&self.args).map(|word| quoted(word));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs the command with its output on the terminal.
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let status = self.start(|_| {})?.wait()?;
        Ok(judge(status))
    }

    /// Runs the command with its output in a file, kills it after `limit`, and shows the output in
    /// one piece, so that several can run at once.
    pub(crate) fn capture_within(self, limit: Duration, file: &Path) -> anyhow::Result<Outcome> {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        let output = File::create(file).with_context(|| format!("cannot create {}", file.display()))?;
        let mut command = self.command();
        command.stderr(output.try_clone()?).stdout(output);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.spelled()))?;
        let deadline = Instant::now() + limit;
        let outcome = loop {
            if let Some(status) = child.try_wait()? {
                break judge(status);
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                break Outcome::Failed(format!("still running after {} s", limit.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut terminal = std::io::stdout().lock();
        writeln!(terminal, "$ {}", self.spelled())?;
        terminal.write_all(&fs::read(file)?)?;
        Ok(outcome)
    }

    /// Like [`Self::run`], and gives each line of the standard output to `line`.
    pub(crate) fn watch(self, mut line: impl FnMut(&str)) -> anyhow::Result<Outcome> {
        let mut child = self.start(|command| {
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

    /// Runs the command and captures its output.
    pub(crate) fn capture(self) -> anyhow::Result<Output> {
        self.command().output().with_context(|| format!("cannot run {}", self.spelled()))
    }

    fn start(&self, prepare: impl FnOnce(&mut Command)) -> anyhow::Result<Child> {
        println!("$ {}", self.spelled());
        std::io::stdout().flush()?;
        let mut command = self.command();
        prepare(&mut command);
        command.spawn().with_context(|| format!("cannot run {}", self.spelled()))
    }

    fn command(&self) -> Command {
        let mut command = process::command(&self.program, process::root());
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }
}

fn judge(status: ExitStatus) -> Outcome {
    if status.success() { Outcome::passed() } else { Outcome::Failed(status.to_string()) }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
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
        let outcome = Job::cargo(["--no-such-flag"]).run();
        assert!(matches!(outcome, Ok(Outcome::Failed(_))));
    }

    #[test]
    fn watching_sees_every_line() {
        let mut lines = Vec::new();
        let outcome = Job::cargo(["--version"]).watch(|line| lines.push(line.to_owned()));
        assert!(matches!(outcome, Ok(Outcome::Passed(_))));
        assert!(matches!(lines.as_slice(), [line] if line.starts_with("cargo ")));
    }
}
