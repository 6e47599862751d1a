// SPDX-License-Identifier: Apache-2.0
//! What can be named through the facade, and what its signatures speak of.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use serde_json::Value;

use super::docs::{Docs, Place};

/// Everything that the facade exports, with what hangs on it.
pub(super) struct Surface {
    /// Items by the path under which a user names them.
    items: BTreeMap<String, Place>,
    /// Paths of their definitions.
    named: BTreeSet<String>,
}

/// A type or trait of ours that occurs in a signature and has no name in the facade.
pub(super) struct Unnameable {
    path: String,
    item: String,
    source: String,
}

impl fmt::Display for Unnameable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be named; it occurs in {} ({})", self.path, self.item, self.source)
    }
}

impl Surface {
    pub(super) fn of(docs: &Docs, facade: &str) -> anyhow::Result<Self> {
        let mut surface = Self { items: BTreeMap::new(), named: BTreeSet::new() };
        surface.enter(docs, &docs.root(facade)?, facade, &mut HashSet::new())?;
        Ok(surface)
    }

    pub(super) fn len(&self) -> usize {
        self.named.len()
    }

    /// Each type without a name once, where it is met first.
    pub(super) fn unnameable(&self, docs: &Docs) -> anyhow::Result<Vec<Unnameable>> {
        let mut found = BTreeMap::new();
        let mut seen = HashSet::new();
        for (name, place) in &self.items {
            self.look(docs, place, name, &mut seen, &mut found);
        }
        Ok(found.into_values().collect())
    }

    /// Collects the items of a module, through re-exports and globs.
    fn enter(
        &mut self,
        docs: &Docs,
        module: &Place,
        name: &str,
        within: &mut HashSet<Place>,
    ) -> anyhow::Result<()> {
        // A module that re-exports one of its ancestors would be entered for ever.
        if !within.insert(module.clone()) {
            return Ok(());
        }
        for id in ids(&docs.item(module)["inner"]["module"]["items"]) {
            let place = Place { home: module.home.clone(), id };
            let item = docs.item(&place);
            let import = &item["inner"]["use"];
            let (definition, alias) = if import.is_null() {
                (Some(place), item["name"].as_str())
            } else {
                let target = import["id"].as_u64().map(|id| Place { home: module.home.clone(), id });
                let definition = match &target {
                    Some(target) => docs.definition(target)?,
                    None => None,
                };
                (definition, import["name"].as_str())
            };
            let (Some(definition), Some(alias)) = (definition, alias) else { continue };
            let name = if import["is_glob"] == true { name.to_owned() } else { format!("{name}::{alias}") };
            if docs.item(&definition)["inner"]["module"].is_null() {
                if let Some(path) = docs.path(&definition) {
                    self.named.insert(path);
                }
                self.items.insert(name, definition);
            } else {
                self.enter(docs, &definition, &name, within)?;
            }
        }
        within.remove(module);
        Ok(())
    }

    /// Looks at an item's own signature, and at those of its fields, variants, methods and impls.
    fn look(
        &self,
        docs: &Docs,
        place: &Place,
        name: &str,
        seen: &mut HashSet<Place>,
        found: &mut BTreeMap<String, Unnameable>,
    ) {
        if !seen.insert(place.clone()) {
            return;
        }
        let item = docs.item(place);
        let Some((kind, inner)) = item["inner"].as_object().and_then(|inner| inner.iter().next()) else {
            return;
        };
        // What a type has by being `Send` or by a blanket impl of another crate says nothing of us.
        if kind == "impl" && (inner["is_synthetic"] == true || !inner["blanket_impl"].is_null()) {
            return;
        }
        let mut speaks_of = Vec::new();
        collect(inner, &mut speaks_of);
        for id in speaks_of {
            let Some(path) = docs.path(&Place { home: place.home.clone(), id }) else { continue };
            if !self.named.contains(&path) {
                let source = source(&item["span"]);
                found.entry(path.clone()).or_insert_with(|| Unnameable {
                    path,
                    item: name.to_owned(),
                    source,
                });
            }
        }
        for id in members(kind, inner) {
            let member = Place { home: place.home.clone(), id };
            let name = match docs.item(&member)["name"].as_str() {
                Some(own) => format!("{name}::{own}"),
                None => name.to_owned(),
            };
            self.look(docs, &member, &name, seen, found);
        }
    }
}

/// Ids of what belongs to an item and has a signature of its own. The implementors of a trait are
/// looked at where they are exported themselves.
fn members(kind: &str, inner: &Value) -> Vec<u64> {
    let lists: &[&Value] = match kind {
        "struct" => &[&inner["kind"]["plain"]["fields"], &inner["kind"]["tuple"], &inner["impls"]],
        "variant" => &[&inner["kind"]["struct"]["fields"], &inner["kind"]["tuple"]],
        "enum" => &[&inner["variants"], &inner["impls"]],
        "union" => &[&inner["fields"], &inner["impls"]],
        "trait" | "impl" => &[&inner["items"]],
        _ => &[],
    };
    lists.iter().flat_map(|list| ids(list)).collect()
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Ids of all types and traits that a signature names: wherever it has a path with an id.
fn collect(signature: &Value, ids: &mut Vec<u64>) {
    match signature {
        Value::Object(fields) => {
            if let (Some(Value::String(_)), Some(id)) = (fields.get("path"), fields.get("id")) {
                ids.extend(id.as_u64());
            }
            fields.values().for_each(|value| collect(value, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, ids)),
        _ => {}
    }
}

/// Where an item stands, and its text up to the body.
fn source(span: &Value) -> String {
    let file = span["filename"].as_str().unwrap_or("?");
    let line = |end: &str| span[end][0].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or(0);
    let (first, last) = (line("begin"), line("end"));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().skip(first.saturating_sub(1)).take((last + 1).saturating_sub(first));
    let text = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    let signature = text.split([';', '{']).next().unwrap_or_default().trim();
    format!("{file}:{first}: {signature}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::docs::{FORMAT, Reading};
    use super::*;

    /// `inner` has a function that takes a `Hidden` and gives a `Shown`.
    fn inner() -> Value {
        let path = |name, id| json!({"resolved_path": {"path": name, "id": id, "args": null}});
        json!({
            "format_version": FORMAT, "root": 0,
            "index": {
                "0": {"name": "inner", "inner": {"module": {"items": [1, 2, 3]}}},
                "1": {"name": "Shown", "inner": {"struct": {"kind": "unit", "impls": []}}},
                "2": {"name": "Hidden", "inner": {"struct": {"kind": "unit", "impls": []}}},
                "3": {"name": "change", "span": {"filename": "none.rs", "begin": [7, 1]}, "inner": {"function": {
                    "sig": {"inputs": [["it", path("Hidden", 2)]], "output": path("Shown", 1)}}}},
            },
            "paths": {
                "1": {"crate_id": 0, "path": ["inner", "deep", "Shown"], "kind": "struct"},
                "2": {"crate_id": 0, "path": ["inner", "deep", "Hidden"], "kind": "struct"},
                "3": {"crate_id": 0, "path": ["inner", "change"], "kind": "function"},
            },
        })
    }

    /// `outer` re-exports these items of `inner`, by ids of its own.
    fn outer(names: &[(&str, &str, &str)]) -> Value {
        let mut index = json!({"0": {"name": "outer", "inner": {"module": {"items": []}}}});
        let mut paths = json!({});
        for (nth, (path, name, kind)) in names.iter().enumerate() {
            let (use_id, id) = (10 + nth, 90 + nth);
            index["0"]["inner"]["module"]["items"].as_array_mut().unwrap().push(json!(use_id));
            index[use_id.to_string()] = json!({"inner": {"use": {"name": name, "id": id, "is_glob": false}}});
            let path: Vec<&str> = path.split("::").collect();
            paths[id.to_string()] = json!({"crate_id": 5, "path": path, "kind": kind});
        }
        json!({"format_version": FORMAT, "root": 0, "index": index, "paths": paths})
    }

    fn faults(names: &[(&str, &str, &str)]) -> Vec<String> {
        let Ok(Reading::Read(docs)) = Docs::of(vec![inner(), outer(names)]) else { panic!("not read") };
        let surface = Surface::of(&docs, "outer").unwrap();
        surface.unnameable(&docs).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_type_in_a_signature_that_has_no_name_is_found() {
        let change = ("inner::change", "change", "function");
        let shown = ("inner::deep::Shown", "Shown", "struct");
        let hidden = ("inner::deep::Hidden", "Renamed", "struct");
        assert_eq!(
            faults(&[change, shown]),
            ["inner::deep::Hidden cannot be named; it occurs in outer::change (none.rs:7: )"]
        );
        assert_eq!(faults(&[change, shown, hidden]), [""; 0]);
    }

    #[test]
    fn a_whole_module_that_is_exported_names_what_is_in_it() {
        let mut module = inner();
        module["paths"]["0"] = json!({"crate_id": 0, "path": ["inner"], "kind": "module"});
        let outer = outer(&[("inner", "all", "module")]);
        let Ok(Reading::Read(docs)) = Docs::of(vec![module, outer]) else { panic!("not read") };
        let surface = Surface::of(&docs, "outer").unwrap();
        assert_eq!((surface.len(), surface.unnameable(&docs).unwrap().len()), (3, 0));
    }

    #[test]
    fn another_format_of_the_json_is_not_read() {
        let json = json!({"format_version": FORMAT + 1, "root": 0, "index": {}, "paths": {}});
        assert!(matches!(Docs::of(vec![json]), Ok(Reading::Unknown(version)) if version == FORMAT + 1));
    }
}
