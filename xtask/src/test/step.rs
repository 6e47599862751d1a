// SPDX-License-Identifier: Apache-2.0
//! The steps, their order, and what each one proves.

use clap::ValueEnum;

use super::job::Job;
use super::{alone, examples, loom, msrv, names, no_std, package, suite};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
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
    Package,
    Boundary,
    Examples,
    Loom,
    Doctests,
    Servers,
    Tests,
}

impl Step {
    /// The cheap steps first, the tests last.
    pub(crate) const ORDER: [Self; 16] = [
        Self::Format,
        Self::Clippy,
        Self::Crates,
        Self::Features,
        Self::NoStd,
        Self::Msrv,
        Self::Docs,
        Self::Names,
        Self::Deny,
        Self::Package,
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
            Self::Package => "package",
            Self::Boundary => "boundary",
            Self::Examples => "examples",
            Self::Loom => "loom",
            Self::Doctests => "doctests",
            Self::Servers => "servers",
            Self::Tests => "tests",
        }
    }

    /// Whether its builds are in a folder of their own, so that it waits for no other step's.
    pub(crate) fn builds_apart(self) -> bool {
        matches!(self, Self::Deny | Self::Boundary | Self::Loom)
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
            Self::Names => "every type in a signature of the facade has a name; no link is dead",
            Self::Deny => "bans, licenses and sources of every dependency",
            Self::Package => "every published crate packages, in the order of the releases",
            Self::Boundary => "the free crates never reach the commercial ones",
            Self::Examples => "the examples run to their end",
            Self::Loom => "the atomics hold under every interleaving that loom can find",
            Self::Doctests => "every example in the documentation compiles and runs",
            Self::Servers => "Redis, Valkey, PostgreSQL and promtool are there for the tests",
            Self::Tests => "unit, law, model, contract and transcript tests",
        }
    }

    pub(crate) fn run(self, workspace: &Workspace, nextest: bool) -> anyhow::Result<Outcome> {
        match self {
            Self::Format => Job::cargo(["fmt", "--all", "--", "--check"]).run(),
            Self::Clippy => Job::cargo(["clippy", "--workspace", "--all-targets", "--all-features"])
                .args(["--", "-D", "warnings"])
                .run(),
            Self::Crates => alone::crates(workspace),
            Self::Features => alone::features(workspace),
            Self::NoStd => no_std::run(workspace),
            Self::Msrv => msrv::run(workspace),
            Self::Docs => Job::cargo(["doc", "--workspace", "--no-deps", "--all-features"])
                .env("RUSTDOCFLAGS", "-D warnings")
                .run(),
            Self::Names => names::run(workspace),
            Self::Deny => deny(),
            Self::Package => package::run(workspace),
            Self::Boundary => Ok(boundary(workspace)),
            Self::Examples => examples::run(workspace),
            Self::Loom => loom::run(workspace),
            Self::Doctests => suite::doctests(),
            Self::Servers => Ok(crate::servers::step()),
            Self::Tests if nextest => suite::nextest(),
            Self::Tests => suite::tests(),
        }
    }
}

/// Advisories are the task of a job with access to their database; this step needs no network.
fn deny() -> anyhow::Result<Outcome> {
    Job::program(crate::tools::cargo_deny()?)
        .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .run()
}

/// `cargo xtask boundary` without flags.
fn boundary(workspace: &Workspace) -> Outcome {
    match crate::boundary::check(workspace, false) {
        0 => Outcome::passed(),
        faults => Outcome::Failed(format!("{faults} faults, see above")),
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
