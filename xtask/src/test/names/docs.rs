// SPDX-License-Identifier: Apache-2.0
//! What rustdoc wrote about our crates, and the way from a name in one crate to its item in
//! another.
//!
//! Ids are valid inside of one file. Between files an item is found by the path of its definition,
//! which is the same in all of them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

/// The one format of rustdoc's JSON that this check has been tried with.
pub(super) const FORMAT: u64 = 57;

pub(super) enum Reading {
    Read(Docs),
    /// The toolchain writes this other format.
    Unknown(u64),
}

/// The documentation of several crates, by the name of the crate.
pub(super) struct Docs {
    crates: BTreeMap<String, Crate>,
}

struct Crate {
    json: Value,
    /// Ids of its own items by path and kind.
    ids: HashMap<(String, String), u64>,
}

/// An item: the crate in whose file it stands, and its id there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    pub(super) home: String,
    pub(super) id: u64,
}

impl Docs {
    pub(super) fn read(folder: &Path, names: &[&str]) -> anyhow::Result<Reading> {
        let mut files = Vec::new();
        for name in names {
            let file = folder.join(format!("{name}.json"));
            let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            files.push(serde_json::from_slice(&text)?);
        }
        Self::of(files)
    }

    pub(super) fn of(files: Vec<Value>) -> anyhow::Result<Reading> {
        let mut crates = BTreeMap::new();
        for json in files {
            let version = json["format_version"].as_u64().context("no format version")?;
            if version != FORMAT {
                return Ok(Reading::Unknown(version));
            }
            let root = json["root"].as_u64().context("no root")?;
            let name = json["index"][root.to_string()]["name"].as_str().context("a crate without a name")?;
            let name = name.to_owned();
            let paths = json["paths"].as_object().context("no paths")?;
            let own = paths.iter().filter(|(_, summary)| summary["crate_id"] == 0);
            let ids = own.filter_map(|(id, summary)| Some((key(summary)?, id.parse().ok()?))).collect();
            crates.insert(name, Crate { json, ids });
        }
        Ok(Reading::Read(Self { crates }))
    }

    pub(super) fn root(&self, name: &str) -> anyhow::Result<Place> {
        let id = self.crates.get(name).and_then(|krate| krate.json["root"].as_u64());
        Ok(Place { home: name.to_owned(), id: id.with_context(|| format!("{name} is not documented"))? })
    }

    /// The item itself; null if it is not public.
    pub(super) fn item(&self, place: &Place) -> &Value {
        self.crates.get(&place.home).map_or(&Value::Null, |krate| &krate.json["index"][place.id.to_string()])
    }

    /// The path of the definition behind an id of the file of `home`, if it is one of our crates'.
    pub(super) fn path(&self, place: &Place) -> Option<String> {
        let summary = self.summary(place)?;
        let path = path(summary)?;
        let home = path.split("::").next()?;
        self.crates.contains_key(home).then_some(path)
    }

    /// Where the definition behind an id of the file of `home` stands, if it is one of our crates'.
    pub(super) fn definition(&self, place: &Place) -> anyhow::Result<Option<Place>> {
        if !self.item(place).is_null() {
            return Ok(Some(place.clone()));
        }
        let Some(key) = self.summary(place).and_then(key) else { return Ok(None) };
        let home = key.0.split("::").next().unwrap_or_default();
        let Some(krate) = self.crates.get(home) else { return Ok(None) };
        let id = krate.ids.get(&key).with_context(|| format!("{home} does not document {}", key.0))?;
        Ok(Some(Place { home: home.to_owned(), id: *id }))
    }

    fn summary(&self, place: &Place) -> Option<&Value> {
        self.crates.get(&place.home)?.json["paths"].get(place.id.to_string())
    }
}

fn path(summary: &Value) -> Option<String> {
    let parts: Option<Vec<&str>> = summary["path"].as_array()?.iter().map(Value::as_str).collect();
    Some(parts?.join("::"))
}

fn key(summary: &Value) -> Option<(String, String)> {
    Some((path(summary)?, summary["kind"].as_str()?.to_owned()))
}
