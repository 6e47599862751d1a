// SPDX-License-Identifier: Apache-2.0
//! A second process runs the steps that build in folders of their own, while the others wait for
//! one compiler at a time or for examples that sleep. What it prints is kept in a file and shown in
//! one piece at its end.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;

use super::Line;
use super::step::Step;
use crate::outcome::Outcome;
use crate::process::root;

/// The second process. It ends with this one's run, whatever ends that.
pub(super) struct Beside {
    child: Child,
    steps: Vec<Step>,
    log: PathBuf,
    report: PathBuf,
}

impl Beside {
    pub(super) fn start(steps: Vec<Step>, keep_going: bool) -> anyhow::Result<Self> {
        let folder = root().join("target/beside");
        fs::create_dir_all(&folder)?;
        let (log, report) = (folder.join("log"), folder.join("report.json"));
        let _ = fs::remove_file(&report);
        let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
        println!("beside the others: {}; what they print is in {}", names.join(", "), log.display());
        // This very file may be built anew meanwhile: what runs is what was started.
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["test", "--only", &names.join(","), "--report"]).arg(&report);
        command.args(keep_going.then_some("--keep-going"));
        let child = command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output).spawn();
        Ok(Self { child: child.context("cannot start a second process")?, steps, log, report })
    }

    /// Whether it has ended with a failure.
    pub(super) fn has_failed(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some_and(|status| !status.success()))
    }

    /// Waits for its end, shows what it printed, and returns a line for each of its steps that ran.
    /// Where it cannot be heard, all of them failed.
    pub(super) fn join(mut self) -> Vec<Line> {
        println!("\nwaiting for what runs beside");
        let begin = Instant::now();
        self.lines().unwrap_or_else(|error| {
            let failed = |step: &Step| Line {
                step: *step,
                outcome: Outcome::Failed(format!("{error:#}")),
                took: begin.elapsed(),
            };
            self.steps.iter().map(failed).collect()
        })
    }

    fn lines(&mut self) -> anyhow::Result<Vec<Line>> {
        let status = self.child.wait()?;
        std::io::stdout().write_all(&fs::read(&self.log)?)?;
        let report = fs::read(&self.report).with_context(|| format!("it left no report: {status}"))?;
        Ok(serde_json::from_slice(&report)?)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
