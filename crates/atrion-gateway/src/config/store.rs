// SPDX-License-Identifier: Apache-2.0
//! `[redis]` and `[postgres]`: the settings of the library's providers, in a binary that has them.
//! The license is read from where the library reads it.

use serde_json::Value;

use super::table::{Item, Table};
#[cfg(any(feature = "redis", feature = "postgres"))]
use super::values::as_json;

/// Where state is kept beside the memory.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Stores {
    /// A fleet that shares its scars.
    #[cfg(feature = "redis")]
    pub redis: Option<atrion::cluster::redis::RedisConfig>,
    /// State that survives.
    #[cfg(feature = "postgres")]
    pub postgres: Option<atrion::cluster::postgres::PostgresConfig>,
}

pub(super) fn stores(table: &mut Table<'_>) -> Stores {
    #[cfg(not(feature = "redis"))]
    absent(table.get("redis"), "redis");
    #[cfg(not(feature = "postgres"))]
    absent(table.get("postgres"), "postgres");
    Stores {
        #[cfg(feature = "redis")]
        redis: table.optional("redis", settings),
        #[cfg(feature = "postgres")]
        postgres: table.optional("postgres", settings),
    }
}

#[cfg(not(all(feature = "redis", feature = "postgres")))]
fn absent(item: Option<Item<'_>>, feature: &str) {
    if let Some(item) = item {
        item.fault(format!(
            "this binary was built without the feature `{feature}`: leave it out, or build it in"
        ));
    }
}

/// Settings as the library reads them. What is wrong is told without what is secret.
#[cfg(any(feature = "redis", feature = "postgres"))]
fn settings<T: serde::de::DeserializeOwned>(item: &Item<'_>) -> Option<T> {
    let (mut value, mut secrets) = (as_json(item)?, Vec::new());
    if let Err(why) = fill(&mut value, &mut secrets) {
        item.fault(why);
        return None;
    }
    let told = |error: serde_json::Error| {
        let hidden = |text: String, secret: &String| text.replace(secret.as_str(), "***");
        item.fault(secrets.iter().fold(error.to_string(), hidden));
    };
    serde_json::from_value(value).map_err(told).ok()
}

/// Puts what an environment variable or a file has in the place of `{ env = "NAME" }` and
/// `{ file = "/path" }`, at any depth.
#[cfg_attr(not(any(feature = "redis", feature = "postgres")), allow(dead_code))] // the tests call it
fn fill(value: &mut Value, secrets: &mut Vec<String>) -> Result<(), String> {
    let entries = match value {
        Value::Object(entries) => entries,
        Value::Array(items) => return items.iter_mut().try_for_each(|item| fill(item, secrets)),
        _ => return Ok(()),
    };
    let only = |key: &str| (entries.len() == 1).then(|| entries.get(key)?.as_str()).flatten();
    let secret = match (only("env"), only("file")) {
        (Some(name), _) => std::env::var(name).map_err(|_| format!("the environment has no `{name}`"))?,
        (_, Some(path)) => {
            let text = std::fs::read_to_string(path);
            text.map_err(|error| format!("cannot read {path}: {error}"))?.trim_end().to_owned()
        }
        (None, None) => return entries.values_mut().try_for_each(|value| fill(value, secrets)),
    };
    secrets.push(secret.clone());
    *value = Value::String(secret);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_come_from_files_and_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        let mut value =
            json!({"login": {"password": {"file": path}, "user": [{"env": "CARGO_PKG_NAME"}]}, "n": 1});
        let mut secrets = Vec::new();
        fill(&mut value, &mut secrets).unwrap();
        assert_eq!(value, json!({"login": {"password": "hunter2", "user": ["atrion-gateway"]}, "n": 1}));
        assert_eq!(secrets.len(), 2);
        let missing = fill(&mut json!({"a": {"env": "ATRION_NO_SUCH_VARIABLE"}}), &mut secrets).unwrap_err();
        assert_eq!(missing, "the environment has no `ATRION_NO_SUCH_VARIABLE`");
    }
}
