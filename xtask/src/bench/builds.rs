// SPDX-License-Identifier: Apache-2.0
//! What the author of a service waits for: a fresh build of an empty service with each library, and
//! the crates that each brings in.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context as _;
use cargo_metadata::Message;

use super::figures::Figures;
use crate::process;

/// The service's own dependencies, which each row has.
const ALONE: &str = "axum and tokio alone";

/// What is added to them, as lines of a manifest; `{name}` is the version that the workspace uses,
/// `{root}` its folder.
const ROWS: [(&str, &str); 4] = [
    (ALONE, ""),
    ("atrion", "atrion = { path = \"{root}/crates/atrion\", features = [\"axum\"] }"),
    (
        "tower-resilience",
        "tower-resilience-adaptive = \"{tower-resilience-adaptive}\"\n\
         tower-resilience-circuitbreaker = \"{tower-resilience-circuitbreaker}\"",
    ),
    ("tower_governor", "tower_governor = \"{tower_governor}\""),
];

/// Builds each service twice, with a folder of its own, and gives the lines that a plain bench
/// would print.
pub(super) fn measure(root: &Path) -> anyhow::Result<String> {
    let mut lines = String::new();
    for (name, added) in ROWS {
        let home = root.join("target/xtask-builds").join(name.replace(' ', "-"));
        println!("$ cargo build ({})", home.display());
        if home.exists() {
            std::fs::remove_dir_all(&home).with_context(|| format!("cannot clear {}", home.display()))?;
        }
        write_service(root, &home, added)?;
        let (seconds, crates) = build(&home)?;
        for (what, value) in [("seconds", seconds), ("crates", crates as f64)] {
            let name = format!("builds: {what} of {name}");
            writeln!(lines, "{}", serde_json::json!({ "figure": name, "value": value }))?;
        }
    }
    Ok(lines)
}

/// A package with its dependencies, locked to the versions of the workspace.
fn write_service(root: &Path, home: &Path, added: &str) -> anyhow::Result<()> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let manifest: toml::Table = manifest.parse().context("Cargo.toml is not TOML")?;
    let own = "axum = \"{axum}\"\ntokio = { version = \"{tokio}\", features = [\"full\"] }";
    let text = format!(
        "[package]\nname = \"service\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\n{own}\n{added}\n"
    );
    let text = with_versions(&text.replace("{root}", &root.display().to_string()), &manifest)?;
    let source = home.join("src");
    std::fs::create_dir_all(&source).with_context(|| format!("cannot make {}", source.display()))?;
    std::fs::write(home.join("Cargo.toml"), text)?;
    std::fs::write(source.join("main.rs"), "fn main() {}\n")?;
    std::fs::copy(root.join("Cargo.lock"), home.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    Ok(())
}

/// Puts in the version of each `"{name}"`.
fn with_versions(text: &str, manifest: &toml::Table) -> anyhow::Result<String> {
    let dependencies = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .context("Cargo.toml has no `workspace.dependencies`")?;
    let mut text = text.to_owned();
    for (name, dependency) in dependencies {
        let version = dependency.as_str().or_else(|| dependency.get("version")?.as_str());
        text = text.replace(&format!("\"{{{name}}}\""), &format!("\"{}\"", version.unwrap_or("*")));
    }
    anyhow::ensure!(!text.contains("\"{"), "a version is missing in the workspace: {text}");
    Ok(text)
}

/// The seconds of a fresh build, and how many packages it built besides the service.
fn build(home: &Path) -> anyhow::Result<(f64, usize)> {
    let cargo = |args: &[&str]| {
        let mut command = process::command("cargo", home);
        command.args(args).env("CARGO_TARGET_DIR", home.join("target")).stdin(Stdio::null());
        command.stderr(Stdio::inherit());
        command
    };
    // The time to download is no time to build.
    let fetched = cargo(&["fetch", "--quiet"]).status().context("cannot run cargo fetch")?;
    anyhow::ensure!(fetched.success(), "cargo fetch: {fetched}");
    let begin = Instant::now();
    let built = cargo(&["build", "--quiet", "--message-format", "json"])
        .output()
        .context("cannot run cargo build")?;
    let seconds = begin.elapsed().as_secs_f64();
    anyhow::ensure!(built.status.success(), "cargo build: {}", built.status);
    let packages: BTreeSet<String> = Message::parse_stream(built.stdout.as_slice())
        .filter_map(|message| match message.ok()? {
            Message::CompilerArtifact(artifact) => Some(artifact.package_id.repr),
            _ => None,
        })
        .collect();
    Ok((seconds, packages.len().saturating_sub(1)))
}

/// The section, if it was measured.
pub(super) fn section(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    let of = |what: &str, name: &str| figures.measured(&format!("builds: {what} of {name}"));
    if figures.plain(&format!("builds: seconds of {ALONE}")).is_none() {
        return Ok(());
    }
    text.push_str(INTRODUCTION);
    let (alone, own) = (of("seconds", ALONE)?, of("crates", ALONE)?);
    for (name, _) in ROWS {
        let (seconds, crates) = (of("seconds", name)?, of("crates", name)?);
        writeln!(
            text,
            "| {name} | {seconds:.0} s | {:.0} s | {crates:.0} | {:.0} |",
            (seconds - alone).max(0.0),
            crates - own,
        )?;
    }
    Ok(())
}

const INTRODUCTION: &str = "
## A fresh build of a service

`cargo build`, unoptimized, of an empty service on axum and tokio with each library added, in a folder
of its own, without the time to download.

| library | build | more | crates | more |
|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_the_versions_of_this_workspace() {
        let root = process::root();
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
        for (_, added) in ROWS {
            let text = with_versions(&added.replace("{root}", "/"), &manifest).unwrap();
            assert!(!text.contains("\"*\""), "{text}");
        }
        assert!(with_versions("x = \"{no-such-crate}\"", &manifest).is_err());
    }
}
