// SPDX-License-Identifier: Apache-2.0

use std::fmt;

use atrion_core::ConfigFault;

/// A configuration that was refused whole. The one before it stays in force.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigError {
    pub(super) faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    /// The path of what holds the field; empty at the top.
    pub(super) at: String,
    pub(super) fault: ConfigFault,
}

impl ConfigError {
    /// Everything that is wrong: where, and what.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &ConfigFault)> {
        self.faults.iter().map(|fault| (fault.at.as_str(), &fault.fault))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration refused, {} to mend", self.faults.len())?;
        for (i, Fault { at, fault }) in self.faults.iter().enumerate() {
            write!(f, "{} ", if i == 0 { ":" } else { ";" })?;
            if !at.is_empty() {
                write!(f, "in {at}: ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
