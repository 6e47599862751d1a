// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Reads the file of a key. This is the one file of the crate that does I/O.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use crate::key::MAX_TEXT;
use crate::redact::ShownPath;
use crate::{LicenseError, Part};

/// At most 8 KiB of a regular file, and whether every user of the machine may read it. A pipe or a
/// device could keep the reader waiting for ever.
pub(super) fn read(path: &Path) -> Result<(Vec<u8>, bool), LicenseError> {
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
