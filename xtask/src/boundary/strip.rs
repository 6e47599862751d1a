// SPDX-License-Identifier: Apache-2.0
//! A manifest without the commercial crates, as the free part alone would have it.
//!
//! Cargo reads the manifest of every path dependency, switched on or not, so without the folders
//! the dependencies have to go too. A feature that named one stays as an empty name: no example
//! that asks for it has to be rewritten, and it switches nothing on.

use std::collections::BTreeSet;

use anyhow::Context as _;
use toml_edit::{Array, DocumentMut, Item, TableLike};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Removes the crates of these names from a manifest.
pub(super) fn without(manifest: &str, commercial: &BTreeSet<&str>) -> anyhow::Result<String> {
    let mut document: DocumentMut = manifest.parse().context("not a manifest")?;
    let mut keys = BTreeSet::new();
    if let Some(workspace) = document.get_mut("workspace").and_then(Item::as_table_like_mut) {
        remove(workspace, commercial, &mut keys);
        if let Some(members) = workspace.get_mut("members").and_then(Item::as_array_mut) {
            members.retain(|member| {
                !member
                    .as_str()
                    .and_then(|path| path.rsplit('/').next())
                    .is_some_and(|n| commercial.contains(n))
            });
        }
    }
    remove(document.as_table_mut(), commercial, &mut keys);
    for (_, platform) in
        document.get_mut("target").and_then(Item::as_table_like_mut).into_iter().flat_map(|t| t.iter_mut())
    {
        if let Some(platform) = platform.as_table_like_mut() {
            remove(platform, commercial, &mut keys);
        }
    }
    if let Some(features) = document.get_mut("features").and_then(Item::as_table_like_mut) {
        for (_, entries) in features.iter_mut() {
            if let Some(entries) = entries.as_array_mut() {
                entries.retain(|entry| !entry.as_str().is_some_and(|entry| keys.contains(target(entry))));
            }
        }
        // An optional dependency is also a feature of the same name.
        for key in &keys {
            if !features.contains_key(key) {
                features.insert(key, Item::Value(Array::new().into()));
            }
        }
    }
    Ok(document.to_string())
}

/// Removes the dependencies, and notes the names by which features know them.
fn remove(table: &mut dyn TableLike, commercial: &BTreeSet<&str>, keys: &mut BTreeSet<String>) {
    for kind in KINDS {
        let Some(dependencies) = table.get_mut(kind).and_then(Item::as_table_like_mut) else { continue };
        let gone: Vec<String> = dependencies
            .iter()
            .filter(|(key, item)| commercial.contains(package(key, item)))
            .map(|(key, _)| key.to_owned())
            .collect();
        for key in gone {
            dependencies.remove(&key);
            keys.insert(key);
        }
    }
}

fn package<'a>(key: &'a str, item: &'a Item) -> &'a str {
    item.get("package").and_then(Item::as_str).unwrap_or(key)
}

/// The dependency that an entry of a feature names: `dep:x`, `x/feature`, `x?/feature`, `x`.
fn target(entry: &str) -> &str {
    let entry = entry.strip_prefix("dep:").unwrap_or(entry);
    let entry = entry.split('/').next().unwrap_or(entry);
    entry.strip_suffix('?').unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(manifest: &str) -> String {
        without(manifest, &["atrion-license", "atrion-cluster"].into()).unwrap()
    }

    #[test]
    fn dependencies_go_in_every_table_and_others_stay() {
        let manifest = stripped(
            "# kept\n[dependencies]\nserde = \"1\"\natrion-license = { path = \"../atrion-license\" }\n\
             [dev-dependencies.atrion-cluster]\npath = \"x\"\n[build-dependencies]\natrion-license = \"2\"\n\
             [target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\ngift = { package = \"atrion-cluster\", path = \"y\" }\n\
             [workspace]\nmembers = [\"crates/*\", \"crates/atrion-license\"]\n\
             [workspace.dependencies]\natrion-license = { path = \"z\" }\nlibm = \"0.2\"\n",
        );
        for gone in ["atrion-license", "atrion-cluster", "gift"] {
            assert!(
                !manifest.contains(&format!("{gone} =")) && !manifest.contains(&format!("\"{gone}\"")),
                "{manifest}"
            );
            assert!(!manifest.contains(&format!("crates/{gone}")), "{manifest}");
        }
        for kept in ["# kept", "serde = \"1\"", "libc = \"0.2\"", "libm = \"0.2\"", "crates/*"] {
            assert!(manifest.contains(kept), "{kept}: {manifest}");
        }
    }

    #[test]
    fn features_lose_what_is_gone_and_keep_their_names() {
        let manifest = stripped(
            "[dependencies]\ngift = { package = \"atrion-cluster\", path = \"y\", optional = true }\n\
             atrion-license = { path = \"z\", optional = true }\ntokio = { version = \"1\", optional = true }\n\
             [features]\ndefault = [\"tokio\"]\ncluster = [\"redis\", \"dep:atrion-license\"]\n\
             redis = [\"dep:gift\", \"gift/redis\", \"gift?/tls\", \"tokio\", \"atrion-license\"]\n",
        );
        assert!(
            manifest.contains("cluster = [\"redis\"]") && manifest.contains("default = [\"tokio\"]"),
            "{manifest}"
        );
        assert!(
            manifest.contains("redis = [ \"tokio\"]") || manifest.contains("redis = [\"tokio\"]"),
            "{manifest}"
        );
        assert!(manifest.contains("atrion-license = []"), "an implicit feature stays a name: {manifest}");
    }

    #[test]
    fn what_names_none_of_them_is_left_to_the_letter() {
        let manifest = "[package]\nname = \"x\" # why\n\n[dependencies]\natrion-core = { path = \"c\" }\n";
        assert_eq!(stripped(manifest), manifest);
    }
}
