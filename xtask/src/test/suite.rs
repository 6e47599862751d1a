// SPDX-License-Identifier: Apache-2.0
//! The tests, with a count of what ran: a run without a test is a failure.

use super::job::Job;
use crate::outcome::Outcome;

pub(super) fn tests() -> anyhow::Result<Outcome> {
    counted(Job::cargo(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests"]))
}

pub(super) fn doctests() -> anyhow::Result<Outcome> {
    counted(Job::cargo(["test", "--workspace", "--all-features", "--doc"]))
}

/// nextest counts its tests and refuses an empty run.
pub(super) fn nextest() -> anyhow::Result<Outcome> {
    Job::cargo(["nextest", "run", "--workspace", "--all-features", "--lib", "--bins", "--tests"])
        .args(["--no-tests", "fail"])
        .run()
}

pub(super) fn counted(job: Job) -> anyhow::Result<Outcome> {
    // A failing binary must not hide the results of the others.
    let job = job.env("CARGO_TERM_COLOR", "never").args(["--no-fail-fast"]);
    let mut count = Count::default();
    let outcome = job.watch(|line| count.add(line))?;
    Ok(match outcome {
        Outcome::Passed(_) if count.passed == 0 => Outcome::Failed("no test ran".to_owned()),
        Outcome::Passed(_) => Outcome::Passed(count.to_string()),
        Outcome::Failed(why) => Outcome::Failed(format!("{why}, {count}")),
        skipped @ Outcome::Skipped(_) => skipped,
    })
}

/// The sum of the summary lines of libtest.
#[derive(Default, PartialEq, Debug)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Count {
    /// Adds a line like `test result: ok. 12 passed; 0 failed; 1 ignored; ...` and skips any other.
    fn add(&mut self, line: &str) {
        let Some(summary) = line.strip_prefix("test result: ") else { return };
        let Some((_, figures)) = summary.split_once(". ") else { return };
        for figure in figures.split("; ") {
            let Some((number, what)) = figure.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { passed, failed, ignored } = self;
        write!(f, "{passed} tests passed, {failed} failed, {ignored} ignored")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_all_binaries_are_added_up() {
        let mut count = Count::default();
        for line in [
            "running 13 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.10s",
        ] {
            count.add(line);
        }
        assert_eq!(count, Count { passed: 15, failed: 2, ignored: 1 });
    }
}
