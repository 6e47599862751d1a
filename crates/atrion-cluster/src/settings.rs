// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What can be wrong with an adapter's settings. One file for all of them, so that their
//! messages are alike.

use std::fmt;

use atrion_license::LicenseError;

/// The settings were refused, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    provider: &'static str,
    /// Invariant: never empty.
    faults: Vec<SettingsFault>,
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsFault {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it, and what would be right. Never a secret, also not one in a url.
    pub problem: String,
}

/// Why a strict builder gave no adapter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No license permits it.
    #[error(transparent)]
    License(#[from] LicenseError),
}

impl SettingsFault {
    pub(crate) fn new(field: &'static str, problem: impl fmt::Display) -> Self {
        Self { field, problem: problem.to_string() }
    }
}

impl ConfigError {
    pub(crate) const fn new(provider: &'static str, faults: Vec<SettingsFault>) -> Self {
        Self { provider, faults }
    }

    /// All that is wrong.
    #[must_use]
    pub fn faults(&self) -> &[SettingsFault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration of the provider `{}` is invalid: ", self.provider)?;
        for (nth, SettingsFault { field, problem }) in self.faults.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "; " };
            // Some types name themselves in their errors.
            let name =
                if problem.contains(&format!("`{field}`")) { String::new() } else { format!("`{field}` ") };
            write!(f, "{comma}{name}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The names that the machine gives this node: `ATRION_NODE`, else `HOSTNAME` (a pod's name in
/// Kubernetes).
pub(crate) fn machine_names() -> impl Iterator<Item = String> {
    ["ATRION_NODE", "HOSTNAME"].into_iter().filter_map(|name| std::env::var(name).ok())
}

/// A span as seconds in a configuration file, refusing what is no span.
#[cfg(feature = "serde")]
pub(crate) fn seconds<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<std::time::Duration, D::Error> {
    let seconds = <f64 as serde::Deserialize>::deserialize(deserializer)?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|why| {
        serde::de::Error::custom(format_args!("a span must be seconds >= 0, got {seconds}: {why}"))
    })
}
