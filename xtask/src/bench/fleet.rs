// SPDX-License-Identifier: Apache-2.0
//! The section about sharing scars and loads.

use std::fmt::Write as _;

use super::figures::Figures;
use super::units::time;

/// The section, if it was measured.
pub(super) fn section(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    if figures.plain("fleet: encode 1000 entries").is_none() {
        return Ok(());
    }
    let of = |name: &str| figures.measured(&format!("fleet: {name}"));
    text.push_str(INTRODUCTION);
    for (what, name) in [("encode", "encode 1000 entries"), ("decode and check", "decode 1000 entries")] {
        let (ours, json) = (of(name)?, of(&format!("{name} as JSON"))?);
        writeln!(text, "| {what} 1,000 entries | {} | {} | {:.1} |", time(ours), time(json), json / ours)?;
    }
    let (ours, json) = (of("bytes of 1000 entries")?, of("bytes of 1000 entries as JSON")?);
    writeln!(text, "| bytes of 1,000 entries | {ours:.0} | {json:.0} | {:.1} |", json / ours)?;
    for others in [2, 10] {
        let name = "redis us per 1000 routes";
        let ours = of(&format!("{name}, {others} others"))?;
        let json = of(&format!("{name} as JSON, {others} others"))?;
        let (a, b, ratio) = (time(ours * 1e3), time(json * 1e3), json / ours);
        writeln!(
            text,
            "| Redis's processor time for 1,000 changed routes, {others} listeners | {a} | {b} | {ratio:.1} |"
        )?;
        let (a, b) = (1e6 / ours, 1e6 / json);
        writeln!(
            text,
            "| such pushes a second that one core of Redis carries | {a:.0} | {b:.0} | {:.1} |",
            a / b
        )?;
    }
    text.push_str(MERGE);
    for nodes in [2, 20, 200] {
        let alone = time(of(&format!("merge of {nodes} nodes"))?);
        let view = time(of(&format!("view and merge of {nodes} nodes"))?);
        writeln!(text, "| {nodes} | {alone} | {view} |")?;
    }
    text.push_str(LOADS);
    for nodes in [2, 20, 200] {
        writeln!(
            text,
            "| the laws on the sums of {nodes} nodes, a pulse | {} | |",
            time(of(&format!("view and laws of {nodes} nodes"))?)
        )?;
    }
    for (what, is_time) in
        [("redis us", true), ("bytes to the redis", false), ("bytes from the redis", false)]
    {
        let one = |how: &str| of(&format!("{what} per node and second{how}, 10 nodes"));
        let shown = |value: f64| if is_time { time(value * 1e3) } else { format!("{value:.0}") };
        let what = if is_time { "Redis's processor time" } else { what };
        let (with, without) = (shown(one("")?), shown(one(" without loads")?));
        writeln!(text, "| {what} per node and second, 10 nodes | {with} | {without} |")?;
    }
    let (p50, p99) = (of("p50 of trauma to resistance")?, of("p99 of trauma to resistance")?);
    writeln!(
        text,
        "\nFrom a scar at one node to the resistance of another, through a Redis on the loopback address: p50 {}, \
         p99 {}. Both nodes' pulses of 100 ms are in it.\n",
        time(p50),
        time(p99)
    )?;
    text.push_str(STORES);
    for state in ["healthy", "slow", "full", "stopped", "killed", "restarted empty"] {
        write!(text, "| {state} |")?;
        for quantile in ["p50", "p99", "p99.9"] {
            write!(text, " {} |", time(of(&format!("{quantile} of admit, redis {state}"))?))?;
        }
        text.push('\n');
    }
    Ok(())
}

const INTRODUCTION: &str = "
## A fleet that shares its scars through Redis

Compared with a simple adapter: a JSON document per route, SET and PUBLISH for each, in one pipeline,
which flatters it. The code is in `crates/atrion-cluster/benches`. The Redis is a private process on
the loopback address, and reports its processor time itself.

| | Atrion | JSON per route | times |
|---|---|---|---|
";

const MERGE: &str = "
The merge of one route in one pulse, by the size of the fleet. A route without a scar anywhere is not
merged.

| nodes | the merge alone | with the registers read out of the view |
|---|---|---|
";

const LOADS: &str = "
A route whose callee is one for all nodes (`AdaptiveConfig::one_callee`): each node says its load in
each pulse, and runs the laws on the sums.

| | with loads | heartbeats alone |
|---|---|---|
";

const STORES: &str = "\
Single admissions while the Redis has a fault, each timed alone, one reading of the clock included:

| Redis | p50 | p99 | p99.9 |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that the bench prints.
    fn names() -> Vec<String> {
        let mut names: Vec<String> = ["bytes of", "encode", "decode"]
            .iter()
            .flat_map(|what| ["", " as JSON"].map(|how| format!("{what} 1000 entries{how}")))
            .collect();
        for others in [2, 10] {
            for how in ["", " as JSON"] {
                names.push(format!("redis us per 1000 routes{how}, {others} others"));
            }
        }
        for nodes in [2, 20, 200] {
            names.extend([format!("merge of {nodes} nodes"), format!("view and merge of {nodes} nodes")]);
            names.push(format!("view and laws of {nodes} nodes"));
        }
        for what in ["redis us", "bytes to the redis", "bytes from the redis"] {
            let each = |how: &str| format!("{what} per node and second{how}, 10 nodes");
            names.extend([each(""), each(" without loads")]);
        }
        names.extend(["p50 of trauma to resistance", "p99 of trauma to resistance"].map(String::from));
        for state in ["healthy", "slow", "full", "stopped", "killed", "restarted empty"] {
            names.extend(["p50", "p99", "p99.9"].map(|q| format!("{q} of admit, redis {state}")));
        }
        names
    }

    fn section_of(names: &[String]) -> anyhow::Result<String> {
        let lines = names.iter().map(|name| format!("{{\"figure\":\"fleet: {name}\",\"value\":1500.0}}\n"));
        let figures = Figures::of_lines(&lines.collect::<String>())?;
        let mut text = String::new();
        section(&mut text, &figures)?;
        Ok(text)
    }

    #[test]
    fn a_tree_without_the_commercial_folders_has_no_such_section() {
        assert_eq!(section_of(&[]).unwrap(), "");
    }

    #[test]
    fn every_figure_has_its_place_and_one_that_is_missing_is_named() {
        let mut names = names();
        let text = section_of(&names).unwrap();
        assert_eq!(text.matches("1500 ns").count(), 6 + 18 + 4 + 2 + 3, "{text}");
        assert!(text.contains("| encode 1,000 entries | 1500 ns | 1500 ns | 1.0 |"), "{text}");
        let last = names.pop().unwrap();
        let error = section_of(&names).unwrap_err().to_string();
        assert!(error.contains(&last), "{error}");
    }
}
