// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A customer's release build refuses development keys: built and run, not argued.
//!
//! Inside this workspace cargo would join the features that tests ask for, so the customer is a
//! package of its own, outside. It is built once more with `development-keys`, to see that the
//! feature is what makes the difference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use atrion_license::{Tier, development};

const MAIN: &str = r#"
fn main() {
    match atrion_license::License::from_env() {
        Ok(license) => println!("accepted {}", license.id()),
        Err(fault) => println!("refused {fault}"),
    }
}
"#;

#[test]
fn a_release_build_refuses_development_keys() {
    let customer = Customer::new();
    let key = development::key(Tier::Pro).unwrap();

    let refused = customer.run(&customer.build(&[]), key.reveal());
    assert!(refused.starts_with("refused [ATL-07]"), "{refused}");
    assert!(refused.contains(&key.kid().to_string()), "{refused}");

    let accepted = customer.run(&customer.build(&["--features", "development"]), key.reveal());
    assert_eq!(accepted.trim(), format!("accepted {}", development::terms(Tier::Pro).id));
}

struct Customer(PathBuf);

impl Customer {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("license-customer");
        let license = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = format!(
            "[package]\nname = \"customer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\natrion-license = {{ path = {license:?} }}\n\n\
             [features]\ndevelopment = [\"atrion-license/development-keys\"]\n\n[workspace]\n"
        );
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::write(folder.join("src/main.rs"), MAIN).unwrap();
        // The versions that this very test was built with: they are here, no network is needed.
        let _ = fs::copy(license.join("../../Cargo.lock"), folder.join("Cargo.lock"));
        Self(folder)
    }

    fn build(&self, features: &[&str]) -> PathBuf {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let build = Command::new(cargo)
            .args(["build", "--release", "--offline", "--quiet"])
            .args(features)
            .current_dir(&self.0)
            .env("CARGO_TARGET_DIR", self.0.join("target"))
            .output()
            .unwrap();
        assert!(build.status.success(), "{}", shown(&build));
        self.0.join("target/release/customer").with_extension(std::env::consts::EXE_EXTENSION)
    }

    fn run(&self, program: &Path, key: &str) -> String {
        let output = Command::new(program).env("ATRION_LICENSE_KEY", key).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
