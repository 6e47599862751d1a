// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Where a key comes from: the order, no fall-through, and files as they come.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

#[path = "support/keys.rs"]
mod keys;

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use atrion_license::{LicenseError, LicenseFault, Part, Source, Sources, Tier, Verifier, development};

use keys::{assert_nothing_leaks, sign, trial};

/// A folder with a valid key for each tier in `sta`, `pro` and `ent`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, tier) in [("sta", Tier::Starter), ("pro", Tier::Pro), ("ent", Tier::Enterprise)] {
            folder.write(name, format!("{}\n", key(tier)).as_bytes());
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

fn key(tier: Tier) -> String {
    development::key(tier).unwrap().reveal().to_owned()
}

/// Sources with these variables and this default file.
fn sources(key: Option<&str>, file: Option<&Path>, default: &Path) -> Sources {
    let (key, file) = (key.map(OsString::from), file.map(OsString::from));
    Sources::from_lookup(|name| match name {
        "ATRION_LICENSE_KEY" => key.clone(),
        "ATRION_LICENSE_FILE" => file.clone(),
        other => panic!("{other} is not a variable of Atrion"),
    })
    .with_default_file(default)
}

fn tier(sources: &Sources) -> Tier {
    sources.read().verify(&Verifier::embedded()).unwrap().terms().tier
}

fn fault(sources: &Sources) -> LicenseFault {
    sources.read().verify(&Verifier::embedded()).unwrap_err()
}

#[test]
fn code_goes_before_the_variable_before_the_named_file_before_the_default() {
    let folder = Folder::new();
    let (pro, ent) = (folder.path("pro"), folder.path("ent"));
    let starter = key(Tier::Starter);
    assert_eq!(tier(&sources(None, None, &ent)), Tier::Enterprise);
    assert_eq!(tier(&sources(None, Some(&pro), &ent)), Tier::Pro);
    assert_eq!(tier(&sources(Some(&starter), Some(&pro), &ent)), Tier::Starter);
    assert_eq!(
        tier(&sources(Some(&starter), Some(&pro), &ent).with_key(key(Tier::Enterprise))),
        Tier::Enterprise
    );
    let license = sources(Some(&starter), None, &ent).read().verify(&Verifier::embedded()).unwrap();
    assert_eq!(license.source(), &Source::Variable);
}

#[test]
fn an_invalid_source_is_reported_and_not_passed_over() {
    let folder = Folder::new();
    let (ent, bad) = (folder.path("ent"), folder.write("bad", b"hunter2"));

    let in_code = fault(&sources(None, None, &ent).with_key("hunter2"));
    assert_eq!((in_code.source, in_code.error), (Some(Source::Code), LicenseError::NotAnAtrionKey));

    let variable = fault(&sources(Some("hunter2"), Some(&ent), &ent));
    assert_eq!(variable.source, Some(Source::Variable));
    assert!(variable.to_string().contains("ATRION_LICENSE_KEY"), "{variable}");

    let empty = fault(&sources(Some(""), Some(&ent), &ent));
    assert_eq!((empty.source, empty.error), (Some(Source::Variable), LicenseError::NotAnAtrionKey));

    let file = fault(&sources(None, Some(&bad), &ent));
    assert_eq!(file.error, LicenseError::NotAnAtrionKey);
    assert!(file.to_string().contains("ATRION_LICENSE_FILE") && file.to_string().contains("bad"), "{file}");

    let missing = fault(&sources(None, Some(&folder.path("gone")), &ent));
    assert!(matches!(missing.error, LicenseError::Unreadable { kind: ErrorKind::NotFound, .. }), "{missing}");

    assert_eq!(fault(&sources(None, None, &bad)).error, LicenseError::NotAnAtrionKey);
}

#[test]
fn nothing_anywhere_says_what_to_do() {
    let fault = fault(&sources(None, None, Path::new("/nonexistent/license.key")));
    assert_eq!((fault.source.clone(), fault.error.clone()), (None, LicenseError::NotFound));
    for hint in ["ATRION_LICENSE_KEY", "ATRION_LICENSE_FILE", "/etc/atrion/license.key"] {
        assert!(fault.to_string().contains(hint), "{fault}");
    }
}

#[test]
fn files_are_read_as_editors_leave_them() {
    let folder = Folder::new();
    let key = key(Tier::Pro);
    for text in [key.clone(), format!("\n  {key}\r\n\n"), format!("\u{feff}{key}\n")] {
        let path = folder.write("key", text.as_bytes());
        assert_eq!(tier(&Sources::file(path)), Tier::Pro);
    }
    let utf16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for text in [utf16, b"\xff\xfe".to_vec(), Vec::new()] {
        let path = folder.write("key", &text);
        assert_eq!(fault(&Sources::file(path)).error, LicenseError::NotAnAtrionKey);
    }
}

#[test]
fn files_above_8_kib_folders_and_devices_are_refused() {
    let folder = Folder::new();
    let key = key(Tier::Pro);
    let fits = format!("{key}{}", " ".repeat(8 * 1024 - key.len()));
    assert_eq!(tier(&Sources::file(folder.write("key", fits.as_bytes()))), Tier::Pro);
    let path = folder.write("key", format!("{fits} ").as_bytes());
    assert_eq!(
        fault(&Sources::file(path)).error,
        LicenseError::TooLong { part: Part::Text, limit: 8 * 1024 }
    );

    let a_folder = fault(&Sources::file(folder.0.path())).error;
    assert!(matches!(a_folder, LicenseError::Unreadable { kind: ErrorKind::IsADirectory, .. }), "{a_folder}");
    if cfg!(unix) {
        let endless = fault(&Sources::file("/dev/zero")).error;
        assert!(
            matches!(endless, LicenseError::Unreadable { kind: ErrorKind::InvalidInput, .. }),
            "{endless}"
        );
    }
}

#[test]
fn a_key_in_the_place_of_a_path_is_not_shown() {
    let key = sign(&trial()).reveal().to_owned();
    let sources = sources(None, Some(Path::new(&key)), Path::new("/nonexistent"));
    let fault = fault(&sources);
    assert_nothing_leaks(&key, &format!("{sources:?} {fault} {fault:?}"));
    assert!(fault.to_string().contains("use ATRION_LICENSE_KEY"), "{fault}");
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_read_is_noticed() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let path = folder.path("pro");
    for (mode, expected) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(Sources::file(&path).read().world_readable, expected, "{mode:o}");
    }
}
