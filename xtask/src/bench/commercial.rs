// SPDX-License-Identifier: Apache-2.0
//! Benches of the commercial crates. Cargo runs them, because a free tool depends on none of those
//! crates. A tree without the commercial folders has none, and its document has no such parts.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// A bench that prints one JSON object a line.
pub(super) struct Bench {
    package: &'static str,
    name: &'static str,
    /// What the document lacks without this bench.
    of: &'static str,
}

pub(super) const ALL: [Bench; 3] = [
    Bench { package: "atrion-cluster", name: "fleet", of: "sharing scars through Redis" },
    Bench { package: "atrion-cluster", name: "persistence", of: "state that survives in PostgreSQL" },
    Bench { package: "atrion-studio", name: "overhead", of: "what Studio costs" },
];

impl Bench {
    /// The lines that it printed; none if the crate is not in this tree.
    pub(super) fn measure(&self, root: &Path, quick: bool) -> anyhow::Result<String> {
        let Self { package, name, of } = self;
        let manifest = root.join("crates").join(package).join("Cargo.toml");
        if !manifest.exists() {
            println!("skipped: {of} ({package} is not in this tree)");
            return Ok(String::new());
        }
        println!("$ cargo bench --package {package} --all-features --bench {name}");
        let mut command = Command::new("cargo");
        command.args(["bench", "--all-features", "--bench", name, "--manifest-path"]).arg(manifest);
        command.arg("--").args(quick.then_some("--quick"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let output = command.spawn()?.wait_with_output().context("cannot run cargo bench")?;
        anyhow::ensure!(output.status.success(), "cargo bench --bench {name}: {}", output.status);
        String::from_utf8(output.stdout).context("a bench printed bytes that are not UTF-8")
    }
}
