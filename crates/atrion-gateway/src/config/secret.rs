// SPDX-License-Identifier: Apache-2.0
//! Values that need not stand in the file: `{ env = "NAME" }` and `{ file = "/path" }` take what an
//! environment variable or another file has. A path is relative to the folder of the configuration.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use super::table::Item;
use super::values::as_json;

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A text, or what stands elsewhere. No fault shows it.
pub(super) fn secret(item: &Item<'_>) -> Option<Secret> {
    let mut value = as_json(item)?;
    let filled = fill(&mut value, item.source.folder, &mut Vec::new());
    match (filled, value) {
        (Err(why), _) => item.fault(why),
        (Ok(()), Value::String(text)) => return Some(Secret(text)),
        (Ok(()), _) => item.fault("must be a text, { env = \"NAME\" } or { file = \"/path\" }"),
    }
    None
}

/// Puts what an environment variable or a file has in the place of `{ env = "NAME" }` and
/// `{ file = "/path" }`, at any depth, and tells each such text.
pub(super) fn fill(value: &mut Value, folder: &Path, secrets: &mut Vec<String>) -> Result<(), String> {
    let entries = match value {
        Value::Object(entries) => entries,
        Value::Array(items) => return items.iter_mut().try_for_each(|item| fill(item, folder, secrets)),
        _ => return Ok(()),
    };
    let only = |key: &str| (entries.len() == 1).then(|| entries.get(key)?.as_str()).flatten();
    let secret = match (only("env"), only("file")) {
        (Some(name), _) => std::env::var(name).map_err(|_| format!("the environment has no `{name}`"))?,
        (_, Some(path)) => {
            let path = folder.join(path);
            let text = std::fs::read_to_string(&path);
            text.map_err(|error| format!("cannot read {}: {error}", path.display()))?.trim_end().to_owned()
        }
        (None, None) => return entries.values_mut().try_for_each(|value| fill(value, folder, secrets)),
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
        // Whole, or beside the configuration.
        for file in [&*path, Path::new("secret")] {
            let mut value =
                json!({"login": {"password": {"file": file}, "user": [{"env": "CARGO_PKG_NAME"}]}, "n": 1});
            let mut secrets = Vec::new();
            fill(&mut value, folder.path(), &mut secrets).unwrap();
            assert_eq!(value, json!({"login": {"password": "hunter2", "user": ["atrion-gateway"]}, "n": 1}));
            assert_eq!(secrets.len(), 2);
        }
        let why = |mut value: Value| fill(&mut value, folder.path(), &mut Vec::new()).unwrap_err();
        let missing = why(json!({"a": {"env": "ATRION_NO_SUCH_VARIABLE"}}));
        assert_eq!(missing, "the environment has no `ATRION_NO_SUCH_VARIABLE`");
        let missing = why(json!({"file": "other"}));
        assert!(
            missing.starts_with(&format!("cannot read {}/other: ", folder.path().display())),
            "{missing}"
        );
    }
}
