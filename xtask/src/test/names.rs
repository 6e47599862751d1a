// SPDX-License-Identifier: Apache-2.0
//! Every type that a user of `atrion` meets in a signature can be named through `atrion`, under
//! every feature set: none, each alone, all. Rustdoc's JSON is what is looked at, because it is the
//! one listing of a public interface that the compiler itself writes.
//!
//! The JSON is an unstable format. A format that is not known is reported as skipped, never as
//! passed.
//!
//! The links of the pages are a part of this step: names for people.

mod docs;
mod links;
mod map;
mod surface;

use std::path::Path;

use anyhow::Context as _;

use self::docs::{Docs, Reading};
use self::surface::Surface;
use super::job::Job;
use crate::outcome::Outcome;
use crate::process::root;
use crate::workspace::{FACADE, Workspace};

/// Under this many names the check has lost sight of the facade, and would find nothing wrong.
const AT_LEAST: usize = 60;

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let mut dead = links::faults(root())?;
    dead.extend(map::faults(root())?);
    for fault in &dead {
        println!("{fault}");
    }

    let facade = workspace.member(FACADE).with_context(|| format!("there is no {FACADE}"))?;
    let features = facade.features.keys().map(String::as_str).filter(|name| *name != "default");
    let all = features.clone().collect::<Vec<_>>().join(",");
    let sets = std::iter::once(String::new()).chain(features.map(str::to_owned)).chain([all]);

    let rustdoc = unlocked_rustdoc(root())?;
    let (mut count, mut faults) = (0, 0);
    for set in sets {
        let docs = match document(&rustdoc, &set)? {
            Reading::Read(docs) => docs,
            Reading::Unknown(version) => {
                let why = format!("rustdoc writes JSON of format {version}; known is {}", docs::FORMAT);
                return Ok(if dead.is_empty() { Outcome::Skipped(why) } else { Outcome::Failed(why) });
            }
        };
        let surface = Surface::of(&docs, FACADE)?;
        anyhow::ensure!(surface.len() >= AT_LEAST, "only {} names under {set:?}", surface.len());
        let unnameable = surface.unnameable(&docs)?;
        for fault in &unnameable {
            println!("features [{set}]: {fault}");
        }
        faults += unnameable.len();
        count += 1;
    }
    Ok(match (dead.len(), faults) {
        (0, 0) => Outcome::Passed(format!("{count} feature sets")),
        (dead, faults) => Outcome::Failed(format!(
            "{dead} links lead nowhere, {faults} types cannot be named through {FACADE}, see above"
        )),
    })
}

/// Documents the facade and those of our crates that this feature set builds into it.
fn document(rustdoc: &Path, set: &str) -> anyhow::Result<Reading> {
    let selection = ["--no-default-features", "--features", set];
    let tree = Job::cargo(["tree", "--package", FACADE, "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{lib}"])
        .args(selection);
    let output = tree.capture()?;
    anyhow::ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    // A crate that was listed before is followed by `(*)`.
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let mut crates: Vec<&str> = names.filter(|name| name.split('_').next() == Some(FACADE)).collect();
    crates.sort_unstable();
    crates.dedup();

    let folder = root().join("target/doc");
    for name in &crates {
        // What an earlier run left behind was made with other features.
        let _ = std::fs::remove_file(folder.join(format!("{name}.json")));
    }
    let features: Vec<String> =
        set.split(',').filter(|name| !name.is_empty()).map(|name| format!("{FACADE}/{name}")).collect();
    let packages = crates.iter().flat_map(|name| ["--package".to_owned(), name.replace('_', "-")]);
    // The mark makes each run a new one: cargo would take a file of another feature set for this
    // one's.
    let mark = format!("{}-{set}", std::process::id());
    let job = Job::cargo(["doc", "--quiet", "--no-deps", "--no-default-features", "--features"])
        .args([features.join(",")])
        .args(packages)
        .env("RUSTDOC", rustdoc)
        .env(
            "RUSTDOCFLAGS",
            format!("-Z unstable-options --output-format json -A rustdoc::all --cfg atrion_names=\"{mark}\""),
        );
    if let Outcome::Failed(why) = job.run()? {
        anyhow::bail!("rustdoc: {why}");
    }
    Docs::read(&folder, &crates)
}

/// A rustdoc that takes unstable options, while the compiler itself is left alone: were the
/// variable set for cargo, build scripts would see it, and all dependencies would be built again.
fn unlocked_rustdoc(root: &Path) -> anyhow::Result<std::path::PathBuf> {
    let folder = root.join("target/names");
    std::fs::create_dir_all(&folder)?;
    let script = folder.join(if cfg!(windows) { "rustdoc.cmd" } else { "rustdoc" });
    let text = if cfg!(windows) {
        "@set RUSTC_BOOTSTRAP=1\r\n@rustdoc %*\r\n"
    } else {
        "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n"
    };
    std::fs::write(&script, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(script)
}
