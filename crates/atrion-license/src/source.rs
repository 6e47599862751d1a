// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Where a license key comes from: code, then `ATRION_LICENSE_KEY`, then the file that
//! `ATRION_LICENSE_FILE` names, then `/etc/atrion/license.key`.
//!
//! The first source that is *present* decides. If its content is invalid, that source and the
//! reason are reported; falling through to the next source would hide the mistake until that one
//! expires. A variable that is set to nothing is present.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::redact::ShownPath;
use crate::{LicenseError, LicenseKey};

mod reading;
pub use reading::{LicenseFault, Reading, Source};

mod file;

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

    /// Looks at this key first: a key in code goes before every other source.
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
            let (key, world_readable) = match file::read(path) {
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

/// A key from bytes in UTF-8, with or without the byte order mark that some editors write.
fn parse(text: &[u8]) -> Result<LicenseKey, LicenseError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    std::str::from_utf8(text).map_err(|_| LicenseError::NotAnAtrionKey)?.parse()
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
