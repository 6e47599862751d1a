// SPDX-License-Identifier: Apache-2.0
//! atrion-core without the standard library, shown with the host's own toolchain.
//!
//! A target without std has to be installed first. A library with a panic handler of its own proves
//! the same on any host: std has a panic handler too, and the compiler accepts only one among all
//! loaded crates. If anything below atrion-core reaches std, this does not compile. A library that
//! does reach std is tried first, to show that the method tells the difference.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::job::Job;
use crate::outcome::Outcome;
use crate::process::root;
use crate::workspace::{Package, Workspace, folder};

const SUBJECT: &str = "atrion-core";

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let core = workspace.member(SUBJECT).with_context(|| format!("there is no {SUBJECT}"))?;
    let home = root().join("target/no-std");
    fs::create_dir_all(home.join("src"))?;
    // The versions that the workspace locked, so nothing is fetched.
    fs::copy(root().join("Cargo.lock"), home.join("Cargo.lock"))?;
    fs::write(home.join("Cargo.toml"), manifest(core, folder(core)))?;
    let check = || {
        Job::cargo(["check", "--quiet", "--offline", "--manifest-path"])
            .args([home.join("Cargo.toml")])
            .env("CARGO_TARGET_DIR", home.join("target"))
    };

    fs::write(home.join("src/lib.rs"), library("extern crate std;"))?;
    let control = check().capture()?;
    let complaint = String::from_utf8_lossy(&control.stderr);
    anyhow::ensure!(
        !control.status.success() && complaint.contains("panic_impl"),
        "the proof does not notice std, so it proves nothing: {complaint}"
    );

    fs::write(home.join("src/lib.rs"), library(""))?;
    check().run()
}

/// Every feature except `std` is on: none of them may bring std in by itself.
fn manifest(core: &Package, folder: &Path) -> String {
    let features: Vec<&String> =
        core.features.keys().filter(|name| !["default", "std"].contains(&name.as_str())).collect();
    // Rust's debug strings are valid TOML for any name and path without control characters.
    format!(
        "[package]\n\
         name = \"without-std\"\n\
         version = \"0.0.0\"\n\
         edition = \"2024\"\n\
         [dependencies.{SUBJECT}]\n\
         path = {folder:?}\n\
         default-features = false\n\
         features = {features:?}\n\
         [workspace]\n"
    )
}

fn library(extra: &str) -> String {
    format!(
        "#![no_std]\n\
         {extra}\n\
         extern crate atrion_core;\n\
         #[panic_handler]\n\
         fn panic(_: &core::panic::PanicInfo<'_>) -> ! {{ loop {{}} }}\n"
    )
}
