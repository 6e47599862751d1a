// SPDX-License-Identifier: Apache-2.0
//! The command as a user runs it: what it writes, and its exit codes.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

const BEFORE: &str = "use atrion_core::{Pressure, update_physics};\n\n\
    fn tick(atrion: &atrion::Atrion, s: &S, t: Telemetry) {\n    \
    let _ = update_physics(&s[\"api\"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);\n}\n";
const AFTER: &str = "use atrion_core::{Pressure};\n\n\
    fn tick(atrion: &atrion::Atrion, s: &S, t: Telemetry) {\n    \
    let _ = atrion.update_physics(\"api\", t).unwrap();\n}\n";

fn codemod(args: &[&str], folder: &Path) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_atrion-codemod")).args(args).current_dir(folder).output()
}

#[test]
fn a_check_fails_and_writes_nothing_until_the_tree_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.rs");
    fs::write(&file, BEFORE).unwrap();

    let checked = codemod(&["--check", "."], folder.path()).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);

    let migrated = codemod(&["."], folder.path()).unwrap();
    assert_eq!(migrated.status.code(), Some(0), "{}", String::from_utf8_lossy(&migrated.stderr));
    assert_eq!(fs::read_to_string(&file).unwrap(), AFTER);
    assert!(String::from_utf8_lossy(&migrated.stdout).ends_with("1 rewritten, 0 noted, 0 noted before\n"));

    assert_eq!(codemod(&["--check", "."], folder.path()).unwrap().status.code(), Some(0));
}

#[test]
fn a_file_that_does_not_parse_is_left_alone_and_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.rs");
    fs::write(&file, "fn update_physics( {").unwrap();
    let output = codemod(&["a.rs"], folder.path()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a.rs: left alone, it does not parse"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "fn update_physics( {");
    assert_eq!(codemod(&["no-such-path"], folder.path()).unwrap().status.code(), Some(1));
}
