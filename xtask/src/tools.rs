// SPDX-License-Identifier: Apache-2.0
//! Tools from crates.io that the commands need, installed into `target/tools` when they are
//! missing, so that a fresh machine needs nothing but a toolchain.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::process::root;

/// The version to build when none is installed. An installed version is used as it is.
const CARGO_DENY: &str = "0.20.2";

/// The path of cargo-deny: the one on `PATH`, or else one in `target/tools`.
pub(crate) fn cargo_deny() -> anyhow::Result<PathBuf> {
    tool("cargo-deny", CARGO_DENY)
}

fn tool(name: &str, version: &str) -> anyhow::Result<PathBuf> {
    if answers(Path::new(name)) {
        return Ok(PathBuf::from(name));
    }
    let home = root().join("target/tools");
    let own = home.join("bin").join(name);
    if answers(&own) {
        return Ok(own);
    }
    println!("{name} is not installed; building {version} once, into target/tools");
    let status = Command::new("cargo")
        .args(["install", "--locked", "--quiet", "--version", version, "--root"])
        .arg(&home)
        .arg(name)
        // A target folder that is kept: a later version reuses what it can.
        .env("CARGO_TARGET_DIR", home.join("build"))
        // The tool runs for seconds; its own release profile would take minutes to build.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .status()
        .context("cannot run cargo install")?;
    anyhow::ensure!(status.success(), "cargo install {name}: {status}");
    Ok(own)
}

/// Whether a program is there and says its version.
pub(crate) fn answers(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
