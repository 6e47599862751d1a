// SPDX-License-Identifier: Apache-2.0
//! The steps, their order, and what each one proves.

use std::fmt;

use clap::{Args as _, FromArgMatches as _, ValueEnum};

use super::shell::{Job, Shell};
use super::workspace::Workspace;
use super::{alone, examples, loom, msrv, names, no_std, suite};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Format,
    Clippy,
    Crates,
    Features,
    NoStd,
    Msrv,
    Docs,
    Names,
    Deny,
    Boundary,
    Examples,
    Loom,
    Doctests,
    Servers,
    Tests,
}

/// How a step ended. A note says what was found on the way, so that a green line never hides that
/// there was nothing to check.
pub(crate) enum Outcome {
    Passed(String),
    Skipped(String),
    Failed(String),
}

impl Step {
    /// Cheap and telling first, the tests last.
    pub(crate) const ORDER: [Self; 15] = [
        Self::Format,
        Self::Clippy,
        Self::Crates,
        Self::Features,
        Self::NoStd,
        Self::Msrv,
        Self::Docs,
        Self::Names,
        Self::Deny,
        Self::Boundary,
        Self::Servers,
        Self::Examples,
        Self::Loom,
        Self::Doctests,
        Self::Tests,
    ];

    /// The name that `--only` takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Clippy => "clippy",
            Self::Crates => "crates",
            Self::Features => "features",
            Self::NoStd => "no-std",
            Self::Msrv => "msrv",
            Self::Docs => "docs",
            Self::Names => "names",
            Self::Deny => "deny",
            Self::Boundary => "boundary",
            Self::Examples => "examples",
            Self::Loom => "loom",
            Self::Doctests => "doctests",
            Self::Servers => "servers",
            Self::Tests => "tests",
        }
    }

    pub(crate) fn proves(self) -> &'static str {
        match self {
            Self::Format => "rustfmt has nothing to change",
            Self::Clippy => "no warning in any target with every feature on",
            Self::Crates => "each crate builds alone, with its default features",
            Self::Features => "each feature builds alone",
            Self::NoStd => "atrion-core builds where there is no standard library",
            Self::Msrv => "the stated rust-version holds for our code and for what it depends on",
            Self::Docs => "the documentation builds without a warning",
            Self::Names => "every type in a signature of the facade has a name there, and no link is dead",
            Self::Deny => "bans, licences and sources of every dependency",
            Self::Boundary => "the free crates never reach the commercial ones",
            Self::Examples => "the examples run to their end",
            Self::Loom => "the atomics hold under every interleaving that loom can find",
            Self::Doctests => "every example in the documentation compiles and runs",
            Self::Servers => "a real Redis, a real PostgreSQL and promtool are there for the tests",
            Self::Tests => "unit, law, model, contract and transcript tests",
        }
    }

    pub(crate) fn run(self, shell: &Shell, workspace: &Workspace, nextest: bool) -> anyhow::Result<Outcome> {
        match self {
            Self::Format => shell.run(Job::cargo(["fmt", "--all", "--", "--check"])),
            Self::Clippy => shell.run(
                Job::cargo(["clippy", "--workspace", "--all-targets", "--all-features"])
                    .args(["--", "-D", "warnings"]),
            ),
            Self::Crates => alone::crates(shell, workspace),
            Self::Features => alone::features(shell, workspace),
            Self::NoStd => no_std::run(shell, workspace),
            Self::Msrv => msrv::run(shell, workspace),
            Self::Docs => shell.run(
                Job::cargo(["doc", "--workspace", "--no-deps", "--all-features"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Names => names::run(shell, workspace),
            Self::Deny => deny(shell),
            Self::Boundary => boundary(),
            Self::Examples => examples::run(shell, workspace),
            Self::Loom => loom::run(shell, workspace),
            Self::Doctests => suite::doctests(shell),
            Self::Servers => Ok(crate::servers::step()),
            Self::Tests if nextest => suite::nextest(shell),
            Self::Tests => suite::tests(shell),
        }
    }
}

/// Advisories are left to a job with access to their database; what this checks needs no network.
fn deny(shell: &Shell) -> anyhow::Result<Outcome> {
    let deny = crate::tools::cargo_deny()?;
    shell.run(
        Job::program(deny).args(["check", "--hide-inclusion-graph"]).args(["bans", "licenses", "sources"]),
    )
}

fn boundary() -> anyhow::Result<Outcome> {
    // What `cargo xtask boundary` without flags would get.
    let command = crate::boundary::Args::augment_args(clap::Command::new("boundary"));
    let matches = command.no_binary_name(true).try_get_matches_from([""; 0])?;
    let code = crate::boundary::run(crate::boundary::Args::from_arg_matches(&matches)?)?;
    Ok(if code == std::process::ExitCode::SUCCESS {
        Outcome::passed()
    } else {
        Outcome::Failed("see above".to_owned())
    })
}

impl Outcome {
    pub(crate) fn passed() -> Self {
        Self::Passed(String::new())
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, note) = match self {
            Self::Passed(note) => ("passed", note),
            Self::Skipped(note) => ("skipped", note),
            Self::Failed(note) => ("FAILED", note),
        };
        if note.is_empty() { write!(f, "{verdict}") } else { write!(f, "{verdict}: {note}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_holds_every_step_once_under_the_name_that_only_takes() {
        assert_eq!(Step::ORDER.len(), Step::value_variants().len());
        for step in Step::value_variants() {
            assert_eq!(Step::ORDER.iter().filter(|other| *other == step).count(), 1);
            assert_eq!(Step::from_str(step.name(), false).as_ref(), Ok(step));
        }
    }
}
