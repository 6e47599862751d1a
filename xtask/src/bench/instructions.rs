// SPDX-License-Identifier: Apache-2.0
//! Instructions and cache misses of single operations, as callgrind counts them. Unlike times they
//! are nearly the same in each run and on each machine, so they show what a change has done.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use cargo_metadata::Message;

use super::figures::Figures;
use crate::process;

/// What callgrind counts per operation: its event, and the column of the table.
const EVENTS: [(&[&str], &str); 3] = [
    (&["Ir"], "instructions"),
    (&["D1mr", "D1mw"], "data misses of the first cache"),
    (&["DLmr", "DLmw"], "data misses of the last cache"),
];

/// The lines of figures, or none where valgrind is not installed.
pub(super) fn measure(root: &Path) -> anyhow::Result<String> {
    if !process::command("valgrind", root)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
    {
        println!("valgrind is not installed: instructions are not counted");
        return Ok(String::new());
    }
    let bench = build(root)?;
    let works = output(Command::new(&bench).current_dir(root))?;
    let mut lines = String::new();
    for work in works.lines() {
        println!("$ valgrind --tool=callgrind {} '{work}'", bench.display());
        for (name, value) in count(root, &bench, work)? {
            writeln!(
                lines,
                "{}",
                serde_json::json!({ "figure": format!("{name} of {work}"), "value": value })
            )?;
        }
    }
    Ok(lines)
}

/// The table, in the order of the benches.
pub(super) fn section(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str(SECTION);
    let of = |work: &str, event: usize| figures.plain(&format!("{} of {work}", EVENTS[event].1));
    let guards = figures.contenders.iter().map(|guard| format!("admit/{}", guard.name));
    let layers = figures.layers.iter().map(|layer| format!("layers/{}", layer.name));
    let crowds = ["crowd/4", "crowd/16", "crowd/64"].map(str::to_owned);
    let slow =
        ["compute/one busy route", "compute/one idle route", "pulse/one busy route"].map(str::to_owned);
    let mut is_empty = true;
    for work in guards.chain(crowds).chain(layers).chain(slow) {
        if let (Some(instructions), Some(first), Some(last)) = (of(&work, 0), of(&work, 1), of(&work, 2)) {
            is_empty = false;
            writeln!(text, "| {work} | {instructions:.0} | {first:.1} | {last:.2} |")?;
        }
    }
    if is_empty {
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

| operation | instructions | misses, first cache | misses, last cache |
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
fn count(root: &Path, bench: &Path, work: &str) -> anyhow::Result<Vec<(&'static str, f64)>> {
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
    let events = per_operation(&text, operations);
    events.with_context(|| format!("{} says nothing of {work}", file.display()))
}

/// The events of a file of callgrind, for each operation.
fn per_operation(text: &str, operations: f64) -> Option<Vec<(&'static str, f64)>> {
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace);
    let names: Vec<&str> = line("events:")?.collect();
    let counts: Vec<f64> = line("totals:")?.map(str::parse).collect::<Result<_, _>>().ok()?;
    // What stands last and is 0 is left out.
    let of = |event: &&str| {
        let at = names.iter().position(|name| name == event)?;
        Some(counts.get(at).copied().unwrap_or(0.0))
    };
    let sum = |events: &[&str]| events.iter().map(of).sum::<Option<f64>>();
    EVENTS.iter().map(|(events, name)| Some((*name, sum(events)? / operations))).collect()
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
        let events = per_operation(file, 2.0);
        assert_eq!(events, Some(vec![(EVENTS[0].1, 2000.0), (EVENTS[1].1, 4.0), (EVENTS[2].1, 0.5)]));
        assert_eq!(per_operation("events: Ir\n", 2.0), None);
    }
}
