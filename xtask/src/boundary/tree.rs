// SPDX-License-Identifier: Apache-2.0
//! The workspace's crates and which side of the boundary each is on.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::Context as _;
use serde::Deserialize;

pub(super) const FREE: &str = "Apache-2.0";
pub(super) const COMMERCIAL: &str = "LicenseRef-Atrion-Commercial";
/// The crate through which users switch commercial parts on.
pub(super) const FACADE: &str = "atrion";

/// Everything that the checks ask about.
#[derive(Deserialize)]
pub(super) struct Tree {
    packages: Vec<Package>,
    #[serde(rename = "workspace_root")]
    pub(super) root: PathBuf,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    #[serde(default)]
    pub(super) license: Option<String>,
    pub(super) manifest_path: PathBuf,
    /// `Some([])` is `publish = false`.
    publish: Option<Vec<String>>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) optional: bool,
    /// `None` is a normal one.
    pub(super) kind: Option<String>,
    pub(super) rename: Option<String>,
}

impl Tree {
    /// Reads the workspace that this command was built from.
    ///
    /// # Errors
    /// If cargo cannot read it, or a crate is under neither of the two licences.
    pub(super) fn load() -> anyhow::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().unwrap_or(here);
        let output = quiet("cargo", root, ["metadata", "--format-version", "1", "--no-deps"])?;
        anyhow::ensure!(output.status.success(), "cargo metadata: {}", text(&output.stderr));
        Self::parse(&output.stdout)
    }

    pub(super) fn parse(json: &[u8]) -> anyhow::Result<Self> {
        let tree: Self =
            serde_json::from_slice(json).context("cargo metadata has another form than expected")?;
        for package in &tree.packages {
            let license = package.license.as_deref();
            anyhow::ensure!(
                license == Some(FREE) || license == Some(COMMERCIAL),
                "{}: the manifest states the licence {license:?}; it has to be {FREE} or {COMMERCIAL}",
                package.name
            );
        }
        Ok(tree)
    }

    /// The names of all packages in what `cargo metadata` says, whatever their licences.
    pub(super) fn names(json: &[u8]) -> anyhow::Result<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        #[derive(Deserialize)]
        struct Resolved {
            packages: Vec<Named>,
        }
        let resolved: Resolved =
            serde_json::from_slice(json).context("cargo metadata has another form than expected")?;
        Ok(resolved.packages.into_iter().map(|package| package.name).collect())
    }

    /// All crates, by name.
    pub(super) fn crates(&self) -> impl Iterator<Item = &Package> {
        let by_name: BTreeMap<_, _> = self.packages.iter().map(|package| (&package.name, package)).collect();
        by_name.into_values()
    }

    pub(super) fn free(&self) -> impl Iterator<Item = &Package> {
        self.crates().filter(|package| package.is_free())
    }

    pub(super) fn commercial(&self) -> impl Iterator<Item = &Package> {
        self.crates().filter(|package| !package.is_free())
    }

    pub(super) fn commercial_names(&self) -> BTreeSet<&str> {
        self.commercial().map(|package| package.name.as_str()).collect()
    }

    /// Where the checks keep what they make.
    pub(super) fn workshop(&self) -> PathBuf {
        self.root.join("target/boundary")
    }
}

impl Package {
    pub(super) fn is_free(&self) -> bool {
        self.license.as_deref() == Some(FREE)
    }

    pub(super) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    pub(super) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

impl Dependency {
    /// The name under which the manifest's features know it.
    pub(super) fn key(&self) -> &str {
        self.rename.as_deref().unwrap_or(&self.name)
    }
}

/// Runs a command and keeps what it says to itself.
pub(super) fn quiet<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    folder: &Path,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<Output> {
    let program = program.as_ref();
    let mut command = command(program, folder);
    command.args(args).output().with_context(|| format!("cannot run {}", program.display()))
}

/// A command without the names by which `cargo run` described this very package to us: build
/// scripts that look at them would be run again for nothing.
pub(super) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let spelled = name.to_string_lossy();
        if spelled.starts_with("CARGO_PKG_") || spelled.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A workspace of packages, each given as JSON fields beside its name and its licence.
    pub(crate) fn tree(packages: &[(&str, &str, &str)]) -> Tree {
        let packages: Vec<_> = packages
            .iter()
            .map(|(name, license, rest)| {
                format!(
                    r#"{{"name":"{name}","license":"{license}","manifest_path":"/w/crates/{name}/Cargo.toml",{rest}}}"#
                )
            })
            .collect();
        let json = format!(r#"{{"workspace_root":"/w","packages":[{}]}}"#, packages.join(","));
        Tree::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_crate_under_another_licence_is_refused() {
        let json = br#"{"workspace_root":"/w","packages":[{"name":"x","license":"MIT","manifest_path":"/w/x",
            "publish":null,"dependencies":[],"features":{}}]}"#;
        assert!(Tree::parse(json).is_err());
    }
}
