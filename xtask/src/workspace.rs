// SPDX-License-Identifier: Apache-2.0
//! The workspace as `cargo metadata` describes it: its members, their licenses, and the graph of
//! everything that they depend on, with every feature on.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, NodeDep, PackageId};

pub(crate) use cargo_metadata::Package;

use crate::process;

pub(crate) const FREE: &str = "Apache-2.0";
pub(crate) const COMMERCIAL: &str = "LicenseRef-Atrion-Commercial";
/// The crate through which users switch commercial parts on.
pub(crate) const FACADE: &str = "atrion";

pub(crate) struct Workspace(Metadata);

impl Workspace {
    /// Reads the workspace that this command was built from.
    ///
    /// # Errors
    /// If cargo cannot read it, or a member is under neither of the two licenses.
    pub(crate) fn load() -> anyhow::Result<Self> {
        Self::of(metadata(process::root())?)
    }

    fn of(metadata: Metadata) -> anyhow::Result<Self> {
        let workspace = Self(metadata);
        for member in workspace.members() {
            let license = member.license.as_deref();
            anyhow::ensure!(
                license == Some(FREE) || license == Some(COMMERCIAL),
                "{}: the manifest states the license {license:?}; it has to be {FREE} or {COMMERCIAL}",
                member.name
            );
        }
        Ok(workspace)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.workspace_root.as_std_path()
    }

    /// The folder that keeps what the checks of the boundary make.
    pub(crate) fn workshop(&self) -> PathBuf {
        self.root().join("target/boundary")
    }

    /// The crates of this workspace, by name.
    pub(crate) fn members(&self) -> Vec<&Package> {
        let mut members = self.0.workspace_packages();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Package> {
        self.members().into_iter().find(|package| package.name.as_str() == name)
    }

    pub(crate) fn free(&self) -> impl Iterator<Item = &Package> {
        self.members().into_iter().filter(|package| is_free(package))
    }

    pub(crate) fn commercial(&self) -> impl Iterator<Item = &Package> {
        self.members().into_iter().filter(|package| !is_free(package))
    }

    pub(crate) fn commercial_names(&self) -> BTreeSet<&str> {
        self.commercial().map(|package| package.name.as_str()).collect()
    }

    /// Everything that ends up in a build of `package`, without what only its tests need. A free
    /// crate is built without the commercial crates that it may offer.
    pub(crate) fn built_into(&self, package: &Package) -> Vec<&Package> {
        let packages: HashMap<_, _> = self.0.packages.iter().map(|package| (&package.id, package)).collect();
        let nodes = self.0.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let graph: HashMap<_, _> = nodes.map(|node| (&node.id, &node.deps)).collect();
        let enters =
            |id: &PackageId| !is_free(package) || packages.get(id).is_none_or(|package| is_free(package));
        let mut seen = BTreeSet::from([&package.id]);
        let mut open = vec![&package.id];
        while let Some(id) = open.pop() {
            let links = graph.get(id).into_iter().flat_map(|deps| deps.iter());
            for link in links.filter(|link| is_built_in(link) && enters(&link.pkg)) {
                if seen.insert(&link.pkg) {
                    open.push(&link.pkg);
                }
            }
        }
        seen.into_iter().filter_map(|id| packages.get(id).copied()).collect()
    }

    /// The features of `package`; of a free crate those that bring in no commercial one.
    pub(crate) fn own_features<'a>(&self, package: &'a Package) -> Vec<&'a str> {
        let names = package.features.keys().map(String::as_str);
        names.filter(|feature| !is_free(package) || !self.is_commercial(package, feature)).collect()
    }

    fn is_commercial(&self, package: &Package, feature: &str) -> bool {
        let (mut open, mut seen) = (vec![(package, feature)], BTreeSet::new());
        while let Some((package, entry)) = open.pop() {
            if !seen.insert((package.name.as_str(), entry)) {
                continue;
            }
            // `dep:x` and `x/feature` switch the crate x on; anything else is another feature.
            let (target, further) = match entry.split_once('/') {
                Some((target, further)) => (Some(target), Some(further)),
                None => (entry.strip_prefix("dep:"), None),
            };
            if let Some(member) = target.and_then(|name| self.member(name)) {
                if !is_free(member) {
                    return true;
                }
                // A feature of another free crate may bring one in.
                open.extend(further.map(|feature| (member, feature)));
            }
            let entries = package.features.get(entry).into_iter().flatten();
            open.extend(entries.map(|entry| (package, entry.as_str())));
        }
        false
    }
}

/// The names of all packages that the workspace in `folder` resolves to, whatever their licenses.
pub(crate) fn resolved_names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let packages = metadata(folder)?.packages;
    Ok(packages.into_iter().map(|package| package.name.into_inner()).collect())
}

fn metadata(folder: &Path) -> anyhow::Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(folder).features(CargoOpt::AllFeatures);
    command.exec().with_context(|| format!("cannot read the workspace in {}", folder.display()))
}

pub(crate) fn is_free(package: &Package) -> bool {
    package.license.as_deref() != Some(COMMERCIAL)
}

/// `publish = false` is an empty list of registries.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

pub(crate) fn folder(package: &Package) -> &Path {
    let manifest = package.manifest_path.as_std_path();
    manifest.parent().unwrap_or(manifest)
}

fn is_built_in(link: &NodeDep) -> bool {
    link.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A member as JSON: its name, its license, and other fields of its manifest.
    pub(crate) fn package(name: &str, license: &str, fields: Value) -> Value {
        let mut package = json!({
            "id": name, "name": name, "version": "1.0.0", "license": license, "publish": null,
            "manifest_path": format!("/w/crates/{name}/Cargo.toml"),
            "dependencies": [], "features": {}, "targets": [],
        });
        if let (Value::Object(package), Value::Object(fields)) = (&mut package, fields) {
            package.extend(fields);
        }
        package
    }

    /// A workspace in which every package is a member.
    pub(crate) fn workspace(packages: &[Value]) -> anyhow::Result<Workspace> {
        let ids: Vec<_> = packages.iter().map(|package| package["id"].clone()).collect();
        graph(packages, &ids, json!([]))
    }

    fn graph(packages: &[Value], members: &[Value], nodes: Value) -> anyhow::Result<Workspace> {
        let metadata = json!({
            "version": 1, "workspace_root": "/w", "target_directory": "/w/target",
            "packages": packages, "workspace_members": members, "resolve": {"nodes": nodes},
        });
        Workspace::of(serde_json::from_value(metadata)?)
    }

    /// A package in the graph, with the kinds of its links.
    fn node(id: &str, links: &[(&str, &[Option<&str>])]) -> Value {
        let deps: Vec<_> = links
            .iter()
            .map(|(id, kinds)| {
                let kinds: Vec<_> = kinds.iter().map(|kind| json!({"kind": kind})).collect();
                json!({"name": id, "pkg": id, "dep_kinds": kinds})
            })
            .collect();
        json!({"id": id, "dependencies": [], "deps": deps})
    }

    fn names<'a>(packages: impl IntoIterator<Item = &'a Package>) -> Vec<&'a str> {
        packages.into_iter().map(|package| package.name.as_str()).collect()
    }

    #[test]
    fn a_crate_under_another_license_is_refused() {
        assert!(workspace(&[package("x", "MIT", json!({}))]).is_err());
        assert!(workspace(&[package("x", FREE, json!({}))]).is_ok());
    }

    #[test]
    fn what_is_built_in_follows_normal_and_build_links_and_no_dev_link() {
        let packages = ["a", "b", "c", "d"].map(|name| package(name, FREE, json!({})));
        let nodes = [
            node("a", &[("b", &[None]), ("d", &[Some("dev")])]),
            node("b", &[("c", &[Some("build"), Some("dev")])]),
            node("c", &[]),
            node("d", &[]),
        ];
        let workspace = graph(&packages, &[json!("a")], json!(nodes)).unwrap();
        assert_eq!(names(workspace.built_into(workspace.member("a").unwrap())), ["a", "b", "c"]);
    }

    #[test]
    fn a_free_crate_is_looked_at_without_what_it_may_offer() {
        let features =
            json!({"plain": [], "paid": ["dep:paid"], "more": ["plain", "paid/extra"], "all": ["paid"]});
        let packages = [
            package("free", FREE, json!({"features": features})),
            package("paid", COMMERCIAL, json!({})),
            package("store", "MIT", json!({})),
        ];
        let nodes =
            [node("free", &[("paid", &[None])]), node("paid", &[("store", &[None])]), node("store", &[])];
        let workspace = graph(&packages, &[json!("free"), json!("paid")], json!(nodes)).unwrap();
        let (free, paid) = (workspace.member("free").unwrap(), workspace.member("paid").unwrap());
        assert_eq!(names(workspace.built_into(free)), ["free"]);
        assert_eq!(names(workspace.built_into(paid)), ["paid", "store"]);
        assert_eq!(workspace.own_features(free), ["plain"]);
    }
}
