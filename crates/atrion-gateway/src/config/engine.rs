// SPDX-License-Identifier: Apache-2.0
//! `[engine]`: the configuration of the library as it is written everywhere else, and over it what
//! `[admission]` and `[[route]]` say.

use serde_json::{Map, Value};

use super::Admission;
use super::table::{Item, Table};
use super::values::as_json;

pub(super) fn read(table: &mut Table<'_>, admission: &Admission) -> Option<atrion::Config> {
    let item = table.get("engine");
    let mut config = match &item {
        Some(item) => given(item)?,
        None => atrion::Config::default(),
    };
    if let Some(slo) = admission.slo {
        config = config.slo(slo);
    }
    config.default.shadow |= admission.shadow;
    for route in &admission.routes {
        let name = route.template.as_str();
        let mut entry = config.of(name).clone();
        if let Some(profile) = route.profile {
            if let Some(item) = item.as_ref().filter(|_| config.routes.contains_key(name)) {
                item.fault(format!("in routes.{name:?}: `profile` stands in its `[[route]]`: set it here"));
            }
            entry = entry.profile(profile);
        }
        if let Some(slo) = route.slo {
            entry = entry.slo(slo);
        }
        entry.cap = route.cap.or(entry.cap);
        entry.shadow = route.shadow.unwrap_or(entry.shadow || admission.shadow);
        config = config.route(name, entry);
    }
    if let Err(error) = config.check() {
        for (at, fault) in error.faults() {
            let what = format!("in {at}: {fault}");
            match &item {
                Some(item) => item.fault(what),
                None => table.fault(what),
            }
        }
    }
    Some(config)
}

/// What the library reads. Its reader stops at the first fault, so each entry is read alone first.
fn given(item: &Item<'_>) -> Option<atrion::Config> {
    let table = item.table()?;
    let error = match serde_json::from_value(as_json(item)?) {
        Ok(whole) => return Some(whole),
        Err(error) => error,
    };
    let mut is_told = false;
    for (name, part) in table.entries() {
        let entries = match name {
            "routes" => part.table().map(|table| table.entries().collect()).unwrap_or_default(),
            _ => vec![("", part)],
        };
        for (entry, part) in entries {
            let value = as_json(&part)?;
            let value = if name == "routes" { nested(entry, value) } else { value };
            if let Err(error) = serde_json::from_value::<atrion::Config>(nested(name, value)) {
                part.fault(error.to_string());
                is_told = true;
            }
        }
    }
    if !is_told {
        item.fault(error.to_string());
    }
    None
}

fn nested(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
