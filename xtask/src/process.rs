// SPDX-License-Identifier: Apache-2.0
//! Other programs: where they run, what they inherit, and how they end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Output};

use anyhow::Context as _;

/// The root of the repository that this command was built from.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The manifest of a commercial crate.
///
/// No free crate depends on a commercial one, not even optionally: cargo reads the manifests of
/// optional path dependencies too, so the workspace could no longer be built without the commercial
/// folders. Cargo starts these programs instead.
pub(crate) fn commercial(name: &str, what: &str) -> anyhow::Result<PathBuf> {
    let manifest = Path::new("crates").join(name).join("Cargo.toml");
    let path = root().join(&manifest);
    anyhow::ensure!(
        path.exists(),
        "{} is not in this tree: {what} is a commercial part of Atrion",
        manifest.display()
    );
    Ok(path)
}

/// A command without the variables by which `cargo run` described this package. A build script that
/// reads them would be told about the wrong package, and be run again for nothing.
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let spelled = name.to_string_lossy();
        if spelled.starts_with("CARGO_PKG_") || spelled.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command and captures its output.
pub(crate) fn quiet<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    folder: &Path,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<Output> {
    let program = program.as_ref();
    let mut command = command(program, folder);
    command.args(args).output().with_context(|| format!("cannot run {}", program.display()))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Runs a command in the folder of the caller, and ends as it ends.
pub(crate) fn hand_over(command: &mut Command) -> anyhow::Result<ExitCode> {
    Ok(exit_code(command.status().context("cannot run cargo")?))
}

/// A program that a signal ended has no code of its own.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
