// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Files that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Writes a line to a new file of mode 0600. A file that exists is left alone: it may be the only
/// copy of a key.
pub(crate) fn create(path: &Path, line: &str) -> anyhow::Result<()> {
    write(private().open(path), path, line)
}

/// Writes a line to a new file that every user may read.
pub(crate) fn create_public(path: &Path, line: &str) -> anyhow::Result<()> {
    write(OpenOptions::new().write(true).create_new(true).open(path), path, line)
}

fn write(file: std::io::Result<File>, path: &Path, line: &str) -> anyhow::Result<()> {
    let mut file = file.with_context(|| format!("cannot create {}", path.display()))?;
    writeln!(file, "{line}")?;
    // A key that was shown to be written is on the disk.
    file.sync_all().with_context(|| format!("cannot write {}", path.display()))
}

/// The mode is given when the file is created: set afterwards, there would be a moment without it.
#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}
