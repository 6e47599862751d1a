// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a look at the sources found, and where.

use std::fmt;

use super::{FILE_VARIABLE, KEY_VARIABLE};
use crate::redact::ShownPath;
use crate::{License, LicenseError, LicenseKey, Verifier};

/// Where a key, or what was taken for one, was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Given in code.
    Code,
    /// `ATRION_LICENSE_KEY`.
    Variable,
    /// Bytes that the caller read, as from standard input.
    Stream,
    /// The file that `ATRION_LICENSE_FILE` names.
    NamedFile(ShownPath),
    /// A file in its usual place, or one that the caller chose.
    File(ShownPath),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str("code"),
            Self::Variable => f.write_str(KEY_VARIABLE),
            Self::Stream => f.write_str("the input"),
            Self::NamedFile(path) => write!(f, "{FILE_VARIABLE}, the file {path}"),
            Self::File(path) => write!(f, "the file {path}"),
        }
    }
}

/// What a look at the sources found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reading {
    /// The source that decided; `None` if none was present.
    pub source: Option<Source>,
    /// The key in it.
    pub key: Result<LicenseKey, LicenseError>,
    /// The key is in a file that every user of the machine may read.
    pub world_readable: bool,
}

impl Reading {
    /// Verifies what was found.
    ///
    /// # Errors
    /// What is wrong, and with which source.
    pub fn verify(self, verifier: &Verifier) -> Result<License, LicenseFault> {
        let license = self.key.and_then(|key| verifier.verify(&key));
        match (license, self.source) {
            (Ok(license), Some(source)) => Ok(license.found_in(source)),
            (Ok(license), None) => Ok(license),
            (Err(error), source) => Err(LicenseFault { source, error }),
        }
    }
}

/// Why there is no license, and which source is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenseFault {
    /// The source that decided; `None` if none was present.
    pub source: Option<Source>,
    /// What is wrong.
    pub error: LicenseError,
}

impl fmt::Display for LicenseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{} (license from {source})", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

/// The message contains that of the cause, which is therefore not chained as a source.
impl std::error::Error for LicenseFault {}
