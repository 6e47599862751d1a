// SPDX-License-Identifier: Apache-2.0
//! What the manifests say, before cargo resolves anything.
//!
//! A commercial crate may be named by the facade, and by crates that are not published, as an
//! optional dependency that no default feature switches on. Everything else is a fault: a build or
//! a test dependency binds as tightly as a normal one.

use std::collections::BTreeSet;

use super::Faults;
use super::tree::{FACADE, Package, Tree};

pub(super) fn check(tree: &Tree) -> anyhow::Result<Faults> {
    Ok(faults(tree))
}

fn faults(tree: &Tree) -> Faults {
    let commercial = tree.commercial_names();
    let of = |package| edges(package, &commercial).into_iter().chain(defaults(package, &commercial));
    tree.free().flat_map(of).collect()
}

fn edges(package: &Package, commercial: &BTreeSet<&str>) -> Faults {
    let name = &package.name;
    let may_offer = name == FACADE || !package.is_published();
    package
        .dependencies
        .iter()
        .filter(|dependency| commercial.contains(dependency.name.as_str()))
        .filter_map(|dependency| {
            let target = &dependency.name;
            let kind = dependency.kind.as_deref().unwrap_or("normal");
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

/// The features that `default` brings in, and the commercial crates that these name.
fn defaults(package: &Package, commercial: &BTreeSet<&str>) -> Faults {
    let keys: BTreeSet<&str> = package
        .dependencies
        .iter()
        .filter(|dependency| commercial.contains(dependency.name.as_str()))
        .map(|dependency| dependency.key())
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
    use super::*;
    use crate::boundary::tree::tests::tree;
    use crate::boundary::tree::{COMMERCIAL, FREE};

    const PAID: (&str, &str, &str) =
        ("paid", COMMERCIAL, r#""publish":null,"dependencies":[],"features":{}"#);

    fn of(name: &str, publish: &str, dependency: &str, features: &str) -> Faults {
        let rest = format!(r#""publish":{publish},"dependencies":[{dependency}],"features":{{{features}}}"#);
        faults(&tree(&[(name, FREE, &rest), PAID]))
    }

    fn dependency(optional: bool, kind: &str) -> String {
        format!(r#"{{"name":"paid","optional":{optional},"kind":{kind},"rename":null}}"#)
    }

    #[test]
    fn a_dependency_of_any_kind_that_is_always_there_is_a_fault() {
        for kind in ["null", r#""dev""#, r#""build""#] {
            for name in [FACADE, "other"] {
                assert_eq!(of(name, "null", &dependency(false, kind), "").len(), 1, "{name} {kind}");
            }
        }
    }

    #[test]
    fn only_the_facade_and_unpublished_crates_may_offer_one() {
        assert!(of(FACADE, "null", &dependency(true, "null"), "").is_empty());
        assert!(of("xtask", "[]", &dependency(true, "null"), "").is_empty());
        assert_eq!(of("other", "null", &dependency(true, "null"), "").len(), 1);
    }

    #[test]
    fn default_features_reach_none_over_any_way() {
        let with = |features| of(FACADE, "null", &dependency(true, "null"), features);
        assert!(with(r#""redis":["dep:paid"],"default":["tokio"],"tokio":[]"#).is_empty());
        assert!(with(r#""redis":["dep:paid"],"default":["paid?/x"]"#).is_empty());
        for features in [
            r#""default":["dep:paid"]"#,
            r#""default":["paid"]"#,
            r#""default":["paid/x"]"#,
            r#""default":["all"],"all":["redis","all"],"redis":["dep:paid"]"#,
        ] {
            assert_eq!(with(features).len(), 1, "{features}");
        }
    }

    #[test]
    fn a_renamed_dependency_is_known_by_both_names() {
        let renamed = r#"{"name":"paid","optional":true,"kind":null,"rename":"gift"}"#;
        assert_eq!(of(FACADE, "null", renamed, r#""default":["dep:gift"]"#).len(), 1);
    }
}
