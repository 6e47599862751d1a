// SPDX-License-Identifier: Apache-2.0
//! Instructions and cache misses of single operations, as callgrind counts them. Unlike times they
//! are nearly the same in each run and on each machine, so they show what a change has done.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use cargo_metadata::Message;
use serde_json::json;

use super::figures::{Figures, Work};
use crate::{process, tools};

/// The lines of what was counted, or none where valgrind is not installed.
pub(super) fn measure(root: &Path) -> anyhow::Result<String> {
    if !tools::answers(Path::new("valgrind")) {
        println!("valgrind is not installed: instructions are not counted");
        return Ok(String::new());
    }
    let bench = build(root)?;
    let works = output(&mut process::command(&bench, root))?;
    let mut lines = String::new();
    for work in works.lines() {
        println!("$ valgrind --tool=callgrind {} '{work}'", bench.display());
        let work = count(root, &bench, work)?;
        writeln!(lines, "{}", json!({ "work": work }))?;
    }
    Ok(lines)
}

/// The table.
pub(super) fn section(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str(SECTION);
    for Work { name, instructions, misses_of_first, misses_of_last } in &figures.works {
        writeln!(text, "| {name} | {instructions:.0} | {misses_of_first:.1} | {misses_of_last:.2} |")?;
    }
    if figures.works.is_empty() {
        text.push_str("\nvalgrind was not installed: not counted in this run.\n");
    }
    text.push('\n');
    Ok(())
}

const SECTION: &str = "\
## Instructions and cache misses

Of one operation, counted by callgrind (valgrind) in its model of this machine's caches, where every
instruction of the operation's thread counts. `crowd/64` is one request of 64 threads on one guard,
`pulse/one busy route` what a pulse does for each of 2,000 routes with traffic.

| operation | instructions | data misses, first cache | data misses, last cache |
|---|---|---|---|
";

/// Builds the bench and gives its path.
fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let args = ["bench", "--package", "atrion-bench", "--bench", "instructions", "--no-run", "--quiet"];
    let messages = output(process::command("cargo", root).args(args).arg("--message-format=json"))?;
    let found = Message::parse_stream(messages.as_bytes()).filter_map(Result::ok).find_map(|message| {
        let Message::CompilerArtifact(artifact) = message else { return None };
        artifact.executable.filter(|_| artifact.target.name == "instructions")
    });
    Ok(found.context("cargo built no bench `instructions`")?.into())
}

/// Runs one work below callgrind.
fn count(root: &Path, bench: &Path, work: &str) -> anyhow::Result<Work> {
    let file = root.join("target/callgrind.out");
    let operations = output(
        process::command("valgrind", root)
            .args(["--tool=callgrind", "--cache-sim=yes", "--quiet"])
            .arg("--toggle-collect=instructions::counted*")
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(bench)
            .arg(work),
    )?;
    let operations: f64 = operations.trim().parse().with_context(|| format!("{work} gave {operations:?}"))?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    per_operation(work, &text, operations)
        .with_context(|| format!("{} says nothing of {work}", file.display()))
}

/// What a file of callgrind says of a work, for each operation.
fn per_operation(name: &str, text: &str, operations: f64) -> Option<Work> {
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace);
    let names: Vec<&str> = line("events:")?.collect();
    let counts: Vec<f64> = line("totals:")?.map(str::parse).collect::<Result<_, _>>().ok()?;
    // What stands last and is 0 is left out.
    let of = |event: &str| {
        let at = names.iter().position(|name| *name == event)?;
        Some(counts.get(at).copied().unwrap_or(0.0) / operations)
    };
    Some(Work {
        name: name.to_owned(),
        instructions: of("Ir")?,
        misses_of_first: of("D1mr")? + of("D1mw")?,
        misses_of_last: of("DLmr")? + of("DLmw")?,
    })
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run {command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).context("a bench printed bytes that are not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_callgrind_is_read() {
        let file = "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\nfn=(1) x\n1 2\n\
                    totals: 4000 9 9 9 6 2 9 1\n";
        let name = "admit/x".to_owned();
        let work = Work { name, instructions: 2000.0, misses_of_first: 4.0, misses_of_last: 0.5 };
        assert_eq!(per_operation("admit/x", file, 2.0), Some(work));
        assert_eq!(per_operation("admit/x", "events: Ir\n", 2.0), None);
    }
}
