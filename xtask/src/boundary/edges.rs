// SPDX-License-Identifier: Apache-2.0
//! What the manifests say, before cargo resolves anything.
//!
//! The facade, and crates that are not published, may name a commercial crate as an optional
//! dependency that no default feature switches on. Everything else is a fault: a build dependency
//! or a test dependency binds as tightly as a normal one.

use std::collections::BTreeSet;

use super::Faults;
use crate::workspace::{FACADE, Package, Workspace, is_published};

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    Ok(faults(workspace))
}

fn faults(workspace: &Workspace) -> Faults {
    let commercial = workspace.commercial_names();
    let of = |package| edges(package, &commercial).into_iter().chain(defaults(package, &commercial));
    workspace.free().flat_map(of).collect()
}

fn edges(package: &Package, commercial: &BTreeSet<&str>) -> Faults {
    let name = &package.name;
    let may_offer = name.as_str() == FACADE || !is_published(package);
    package
        .dependencies
        .iter()
        .filter(|dependency| commercial.contains(dependency.name.as_str()))
        .filter_map(|dependency| {
            let target = &dependency.name;
            let kind = dependency.kind;
            if !dependency.optional {
                Some(format!("{name} has {target} as a {kind} dependency that cannot be switched off"))
            } else if !may_offer {
                Some(format!("{name} offers {target} as a feature; only {FACADE} may"))
            } else {
                None
            }
        })
        .collect()
}

/// The commercial crates that the default features bring in. Features know a dependency by its new
/// name, if it has one.
fn defaults(package: &Package, commercial: &BTreeSet<&str>) -> Faults {
    let keys: BTreeSet<&str> = package
        .dependencies
        .iter()
        .filter(|dependency| commercial.contains(dependency.name.as_str()))
        .map(|dependency| dependency.rename.as_deref().unwrap_or(&dependency.name))
        .collect();
    let mut open = vec!["default"];
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    while let Some(feature) = open.pop() {
        if !seen.insert(feature) {
            continue;
        }
        for entry in package.features.get(feature).into_iter().flatten() {
            // `dep:x`, `x`, `x/feature` switch x on; `x?/feature` does not.
            let (target, _) = entry.split_once('/').unwrap_or((entry, ""));
            let target = target.strip_prefix("dep:").unwrap_or(target);
            if keys.contains(target) {
                faults
                    .push(format!("{}: the default features bring in {target}, by {feature}", package.name));
            }
            open.push(entry);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::workspace::tests::{package, workspace};
    use crate::workspace::{COMMERCIAL, FREE};

    /// The faults of a crate with one dependency, beside the commercial crate `paid`.
    fn of(name: &str, publish: Value, dependency: &Value, features: Value) -> Faults {
        let fields = json!({"publish": publish, "dependencies": [dependency], "features": features});
        let packages = [package(name, FREE, fields), package("paid", COMMERCIAL, json!({}))];
        faults(&workspace(&packages).unwrap())
    }

    fn dependency(optional: bool, kind: Option<&str>, rename: Option<&str>) -> Value {
        json!({
            "name": "paid", "req": "*", "optional": optional, "kind": kind, "rename": rename,
            "uses_default_features": true, "features": [],
        })
    }

    #[test]
    fn a_dependency_of_any_kind_that_is_always_there_is_a_fault() {
        for kind in [None, Some("dev"), Some("build")] {
            for name in [FACADE, "other"] {
                let faults = of(name, Value::Null, &dependency(false, kind, None), json!({}));
                assert_eq!(faults.len(), 1, "{name} {kind:?}");
            }
        }
    }

    #[test]
    fn only_the_facade_and_unpublished_crates_may_offer_one() {
        let optional = dependency(true, None, None);
        assert!(of(FACADE, Value::Null, &optional, json!({})).is_empty());
        assert!(of("xtask", json!([]), &optional, json!({})).is_empty());
        assert_eq!(of("other", Value::Null, &optional, json!({})).len(), 1);
    }

    #[test]
    fn default_features_reach_none_over_any_way() {
        let with = |features| of(FACADE, Value::Null, &dependency(true, None, None), features);
        assert!(with(json!({"redis": ["dep:paid"], "default": ["tokio"], "tokio": []})).is_empty());
        assert!(with(json!({"redis": ["dep:paid"], "default": ["paid?/x"]})).is_empty());
        for features in [
            json!({"default": ["dep:paid"]}),
            json!({"default": ["paid"]}),
            json!({"default": ["paid/x"]}),
            json!({"default": ["all"], "all": ["redis", "all"], "redis": ["dep:paid"]}),
        ] {
            assert_eq!(with(features.clone()).len(), 1, "{features}");
        }
    }

    #[test]
    fn a_renamed_dependency_is_known_by_both_names() {
        let renamed = dependency(true, None, Some("gift"));
        assert_eq!(of(FACADE, Value::Null, &renamed, json!({"default": ["dep:gift"]})).len(), 1);
    }
}
