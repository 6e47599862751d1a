// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Where a licence key comes from: code, then `ATRION_LICENSE_KEY`, then the file that
//! `ATRION_LICENSE_FILE` names, then `/etc/atrion/license.key`.
//!
//! The first source that is *present* decides. If what it holds is invalid, that source and the
//! reason are reported; falling through to the next one would hide the mistake until the next one
//! expires. A variable that is set to nothing is present.
//!
//! This is the one file of the crate that reads something.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::key::MAX_TEXT;
use crate::redact::ShownPath;
use crate::{License, LicenseError, LicenseKey, Part, Verifier};

const KEY_VARIABLE: &str = "ATRION_LICENSE_KEY";
const FILE_VARIABLE: &str = "ATRION_LICENSE_FILE";
const DEFAULT_FILE: &str = "/etc/atrion/license.key";

/// The places to look for a key, in order. Reading them again later finds what a file holds then.
#[derive(Clone, Debug)]
pub struct Sources(Vec<Candidate>);

#[derive(Clone)]
enum Candidate {
    Code(String),
    Variable(OsString),
    NamedFile(PathBuf),
    File(PathBuf),
    Stream(Vec<u8>),
    /// Skipped if it is not there.
    DefaultFile(PathBuf),
}

impl Sources {
    /// The places in which every process looks. The variables are read now, the files later.
    pub fn standard() -> Self {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// The same places, with the variables taken from elsewhere.
    pub fn from_lookup(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let key = variable(KEY_VARIABLE).map(Candidate::Variable);
        let file = variable(FILE_VARIABLE).map(|path| Candidate::NamedFile(path.into()));
        let default = Candidate::DefaultFile(DEFAULT_FILE.into());
        Self(key.into_iter().chain(file).chain([default]).collect())
    }

    /// One file and nothing else.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(vec![Candidate::File(path.into())])
    }

    /// Bytes that were read elsewhere, as from standard input, and nothing else.
    pub fn stream(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![Candidate::Stream(bytes.into())])
    }

    /// Looks at this key first: what is written in code goes before everything else.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.0.insert(0, Candidate::Code(key.into()));
        self
    }

    /// Looks for the last file here instead of in `/etc/atrion/license.key`.
    #[must_use]
    pub fn with_default_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.retain(|candidate| !matches!(candidate, Candidate::DefaultFile(_)));
        self.0.push(Candidate::DefaultFile(path.into()));
        self
    }

    /// Reads the first source that is present. Blocks for as long as its file system does.
    pub fn read(&self) -> Reading {
        self.0.iter().find_map(Candidate::read).unwrap_or(Reading {
            source: None,
            key: Err(LicenseError::NotFound),
            world_readable: false,
        })
    }
}

/// Looks in the standard places.
impl Default for Sources {
    fn default() -> Self {
        Self::standard()
    }
}

impl Candidate {
    /// `None` if this source is not present.
    fn read(&self) -> Option<Reading> {
        let file = |source: Source, path: &Path| {
            let (key, world_readable) = match read_file(path) {
                Ok((text, world_readable)) => (parse(&text), world_readable),
                Err(error) => (Err(error), false),
            };
            Reading { source: Some(source), key, world_readable }
        };
        let text = |source: Source, key| Reading { source: Some(source), key, world_readable: false };
        Some(match self {
            Self::Code(key) => text(Source::Code, key.parse()),
            Self::Variable(key) => text(Source::Variable, parse(key.as_encoded_bytes())),
            Self::Stream(bytes) => text(Source::Stream, parse(bytes)),
            Self::NamedFile(path) => file(Source::NamedFile(ShownPath::new(path)), path),
            Self::File(path) => file(Source::File(ShownPath::new(path)), path),
            Self::DefaultFile(path) => {
                let reading = file(Source::File(ShownPath::new(path)), path);
                let is_absent = matches!(
                    reading.key,
                    Err(LicenseError::Unreadable { kind: io::ErrorKind::NotFound, .. })
                );
                return if is_absent { None } else { Some(reading) };
            }
        })
    }
}

/// The bytes of a key in the encoding of some editor: UTF-8, maybe with a byte order mark.
fn parse(text: &[u8]) -> Result<LicenseKey, LicenseError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    std::str::from_utf8(text).map_err(|_| LicenseError::NotAnAtrionKey)?.parse()
}

/// At most 8 KiB of a regular file, and whether everybody may read it. A pipe or a device could
/// keep the reader waiting for ever.
fn read_file(path: &Path) -> Result<(Vec<u8>, bool), LicenseError> {
    let unreadable = |kind| LicenseError::Unreadable { path: ShownPath::new(path), kind };
    let read = || {
        let about = fs::metadata(path)?;
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !about.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut text = Vec::new();
        fs::File::open(path)?.take(MAX_TEXT as u64 + 1).read_to_end(&mut text)?;
        Ok((text, is_world_readable(&about)))
    };
    let (text, world_readable) = read().map_err(|error: io::Error| unreadable(error.kind()))?;
    if text.len() > MAX_TEXT {
        return Err(LicenseError::TooLong { part: Part::Text, limit: MAX_TEXT });
    }
    Ok((text, world_readable))
}

#[cfg(unix)]
fn is_world_readable(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_world_readable(_: &fs::Metadata) -> bool {
    false
}

/// Shows which places there are, and no key.
impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(_) => f.write_str("Code(…)"),
            Self::Variable(_) => f.write_str("Variable(…)"),
            Self::Stream(_) => f.write_str("Stream(…)"),
            Self::NamedFile(path) => write!(f, "NamedFile({})", ShownPath::new(path)),
            Self::File(path) => write!(f, "File({})", ShownPath::new(path)),
            Self::DefaultFile(path) => write!(f, "DefaultFile({})", ShownPath::new(path)),
        }
    }
}

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

/// Why there is no licence, and which source is at fault.
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
            Some(source) => write!(f, "{} (licence from {source})", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

/// The message holds that of the cause, which is therefore not chained as a source.
impl std::error::Error for LicenseFault {}
