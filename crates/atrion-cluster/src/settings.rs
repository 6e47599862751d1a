// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What can be wrong with an adapter's settings. One file for all of them, so that they say it alike.

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
    /// No licence permits it.
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
