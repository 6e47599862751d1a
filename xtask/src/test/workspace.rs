// SPDX-License-Identifier: Apache-2.0
//! What `cargo metadata` knows, reduced to what the steps ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

use super::shell::{Job, Shell};

/// The licence that marks a commercial crate.
const COMMERCIAL: &str = "LicenseRef-Atrion-Commercial";

/// All packages of the dependency graph with every feature on, ours and others'.
pub(crate) struct Workspace {
    packages: HashMap<String, Package>,
    members: BTreeSet<String>,
    graph: HashMap<String, Vec<Link>>,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    #[serde(default)]
    license: Option<String>,
    /// `Some([])` is `publish = false`.
    publish: Option<Vec<String>>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
    #[serde(default)]
    metadata: serde_json::Value,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    kind: Vec<String>,
}

impl Workspace {
    pub(crate) fn load(shell: &Shell) -> anyhow::Result<Self> {
        let job = Job::cargo(["metadata", "--format-version", "1", "--all-features"]);
        let output = shell.capture(&job)?;
        anyhow::ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self::parse(&output.stdout)
    }

    fn parse(json: &[u8]) -> anyhow::Result<Self> {
        let metadata: Metadata =
            serde_json::from_slice(json).context("cargo metadata has another form than expected")?;
        Ok(Self {
            packages: metadata.packages.into_iter().map(|p| (p.id.clone(), p)).collect(),
            members: metadata.workspace_members.into_iter().collect(),
            graph: metadata.resolve.nodes.into_iter().map(|node| (node.id, node.deps)).collect(),
        })
    }

    /// The crates of this workspace, by name.
    pub(crate) fn members(&self) -> Vec<&Package> {
        let mut members: Vec<_> = self.members.iter().filter_map(|id| self.packages.get(id)).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    /// The member of this name, if there is one.
    pub(crate) fn member(&self, name: &str) -> Option<&Package> {
        self.members().into_iter().find(|package| package.name == name)
    }

    /// Everything that ends up in a build of `package`, without what only its tests need. A free crate is built without
    /// the commercial ones that it may offer.
    pub(crate) fn built_into(&self, package: &Package) -> Vec<&Package> {
        let mut seen = BTreeSet::from([package.id.as_str()]);
        let mut open = vec![package.id.as_str()];
        let enters = |id: &str| !package.is_free() || self.packages.get(id).is_none_or(Package::is_free);
        while let Some(id) = open.pop() {
            let links = self.graph.get(id).map_or(&[][..], Vec::as_slice);
            for link in links.iter().filter(|link| link.is_built_in() && enters(&link.pkg)) {
                if seen.insert(&link.pkg) {
                    open.push(&link.pkg);
                }
            }
        }
        seen.into_iter().filter_map(|id| self.packages.get(id)).collect()
    }

    /// The features of `package`: of a free crate those that bring in no commercial one.
    pub(crate) fn own_features<'a>(&self, package: &'a Package) -> Vec<&'a str> {
        let names = package.features.keys().map(String::as_str);
        names.filter(|feature| !package.is_free() || !self.is_commercial(package, feature)).collect()
    }

    fn is_commercial(&self, package: &Package, feature: &str) -> bool {
        let (mut open, mut seen) = (vec![feature], BTreeSet::new());
        while let Some(entry) = open.pop() {
            if !seen.insert(entry) {
                continue;
            }
            // `dep:x` and `x/feature` switch the crate x on; anything else is another feature.
            let target =
                entry.strip_prefix("dep:").or_else(|| entry.split_once('/').map(|(target, _)| target));
            if target.is_some_and(|name| self.member(name).is_some_and(|member| !member.is_free())) {
                return true;
            }
            open.extend(package.features.get(entry).into_iter().flatten().map(String::as_str));
        }
        false
    }
}

impl Target {
    pub(crate) fn is_test(&self) -> bool {
        self.is("test")
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|other| other == kind)
    }
}

impl Package {
    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    fn is_free(&self) -> bool {
        self.license.as_deref() != Some(COMMERCIAL)
    }

    pub(crate) fn examples(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.is("example"))
    }

    /// The examples that serve until they are stopped, named in the manifest:
    /// `[package.metadata.xtask] serving-examples = ["axum"]`.
    pub(crate) fn serves(&self, example: &Target) -> bool {
        self.metadata["xtask"]["serving-examples"]
            .as_array()
            .is_some_and(|names| names.iter().any(|name| name == example.name.as_str()))
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

/// `null` is a normal dependency, the others are "build" and "dev".
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Link {
    fn is_built_in(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_follows_normal_and_build_links_and_no_dev_link() {
        let package = |name: &str| {
            format!(
                r#"{{"id":"{name}","name":"{name}","version":"1.0.0","rust_version":null,"publish":null,
                "manifest_path":"/{name}","features":{{}},"targets":[],"metadata":null}}"#
            )
        };
        let json = format!(
            r#"{{"packages":[{},{},{},{}],"workspace_members":["a"],"resolve":{{"nodes":[
            {{"id":"a","deps":[{{"pkg":"b","dep_kinds":[{{"kind":null}}]}},
                               {{"pkg":"d","dep_kinds":[{{"kind":"dev"}}]}}]}},
            {{"id":"b","deps":[{{"pkg":"c","dep_kinds":[{{"kind":"build"}},{{"kind":"dev"}}]}}]}},
            {{"id":"c","deps":[]}},{{"id":"d","deps":[]}}]}}}}"#,
            package("a"),
            package("b"),
            package("c"),
            package("d"),
        );
        let workspace = Workspace::parse(json.as_bytes()).unwrap();
        let member = workspace.member("a").unwrap();
        let names: Vec<_> = workspace.built_into(member).into_iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_free_crate_is_looked_at_without_what_it_may_offer() {
        let package = |name: &str, license: &str, features: &str| {
            format!(
                r#"{{"id":"{name}","name":"{name}","version":"1.0.0","rust_version":null,"license":"{license}",
                "publish":null,"manifest_path":"/{name}","features":{features},"targets":[],"metadata":null}}"#
            )
        };
        let features = r#"{"plain":[],"paid":["dep:paid"],"more":["plain","paid/extra"],"all":["paid"]}"#;
        let json = format!(
            r#"{{"packages":[{},{},{}],"workspace_members":["free","paid"],"resolve":{{"nodes":[
            {{"id":"free","deps":[{{"pkg":"paid","dep_kinds":[{{"kind":null}}]}}]}},
            {{"id":"paid","deps":[{{"pkg":"store","dep_kinds":[{{"kind":null}}]}}]}},{{"id":"store","deps":[]}}]}}}}"#,
            package("free", "Apache-2.0", features),
            package("paid", COMMERCIAL, "{}"),
            package("store", "MIT", "{}"),
        );
        let workspace = Workspace::parse(json.as_bytes()).unwrap();
        let (free, paid) = (workspace.member("free").unwrap(), workspace.member("paid").unwrap());
        let names = |package| -> Vec<_> {
            workspace.built_into(package).into_iter().map(|package| package.name.as_str()).collect()
        };
        assert_eq!((names(free), names(paid)), (vec!["free"], vec!["paid", "store"]));
        assert_eq!(workspace.own_features(free), ["plain"]);
    }
}
