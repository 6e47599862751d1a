// SPDX-License-Identifier: Apache-2.0

use std::fmt;

/// One thing that is wrong with a file: where, and what it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The path of the value, such as `listen[0].address`; empty for the file as a whole.
    pub at: String,
    /// What is wrong, and what to write in its place.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.what),
            at => write!(f, "line {}: {at}: {}", self.line, self.what),
        }
    }
}

/// A file that was refused whole, with all that is wrong with it, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub(super) faults: Vec<Fault>,
}

impl ConfigError {
    /// Everything that is wrong.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration refused, {} to mend", self.faults.len())?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

impl std::error::Error for ConfigError {}
