// SPDX-License-Identifier: Apache-2.0
//! The section about state that survives. On a machine without the servers the document has no such
//! section.

use std::fmt::Write as _;

use super::figures::Figures;
use super::units::time;

/// The section, if it was measured.
pub(super) fn section(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    if figures.plain("persistence/upsert_rows_per_s").is_none() {
        return Ok(());
    }
    let of = |name: &str| figures.measured(&format!("persistence/{name}"));
    text.push_str(INTRODUCTION);
    let (rate, factor) = (of("upsert_rows_per_s")?, of("single_over_batched")?);
    writeln!(text, "| rows a second in statements of 1,000, each durable, one connection | {rate:.0} |")?;
    writeln!(text, "| the same rows one by one, each durable | {factor:.0} times as long |")?;
    writeln!(text, "| updates that stay on their page (HOT) | {:.0} % |", 100.0 * of("hot_share")?)?;
    for (name, rows) in [("fleet", "1,000 own rows among 50,000"), ("own", "50,000 own rows")] {
        let span = time(1e6 * of(&format!("warm_start_{name}_ms"))?);
        writeln!(text, "| connect and warm start, {rows} | {span} |")?;
    }
    writeln!(text, "| a sample of history with its index | {:.0} bytes |", of("history_bytes_per_row")?)?;
    let day = of("history_mb_per_day")?;
    writeln!(text, "| history of 1,000 routes that are ill all day | {day:.0} MB a day and node |")?;
    writeln!(
        text,
        "| a row of current state after many updates | {:.0} bytes |",
        of("current_bytes_per_row")?
    )?;
    text.push_str(RESTARTS);
    for stores in ["redis", "postgres", "both"] {
        let cold = of(&format!("failures_until_protected_cold_{stores}"))?;
        let warm = of(&format!("failures_until_protected_warm_{stores}"))?;
        writeln!(text, "| {stores} | {cold:.0} | {warm:.0} |")?;
    }
    Ok(())
}

const INTRODUCTION: &str = "
## State that survives in PostgreSQL

The code is in `crates/atrion-cluster/benches`. The PostgreSQL is a private process that waits for its
disk, as one in production does. [persistence](../crates/atrion/manual/persistence.md) says what to plan for.

| what | |
|---|---|
";

const RESTARTS: &str = "
A pod is killed in the middle of an outage and started again, at 100 requests a second that all fail.
Failures until its route is protected, for a pod without stored state (cold) and with it (warm):

| over | cold | warm |
|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_the_bench_is_in_the_section() {
        let names = [
            "persistence/upsert_rows_per_s",
            "persistence/single_over_batched",
            "persistence/hot_share",
            "persistence/warm_start_fleet_ms",
            "persistence/warm_start_own_ms",
            "persistence/history_bytes_per_row",
            "persistence/history_mb_per_day",
            "persistence/current_bytes_per_row",
            "persistence/failures_until_protected_cold_redis",
            "persistence/failures_until_protected_warm_redis",
            "persistence/failures_until_protected_cold_postgres",
            "persistence/failures_until_protected_warm_postgres",
            "persistence/failures_until_protected_cold_both",
            "persistence/failures_until_protected_warm_both",
        ];
        let lines: String =
            names.iter().map(|name| format!("{{\"figure\":\"{name}\",\"value\":0.5}}\n")).collect();
        let figures = Figures::of_lines(&lines).unwrap();
        let mut text = String::new();
        section(&mut text, &figures).unwrap();
        assert!(text.contains("| updates that stay on their page (HOT) | 50 % |"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), 13, "{text}");
    }

    #[test]
    fn without_the_bench_there_is_no_section() {
        let mut text = String::new();
        section(&mut text, &Figures::default()).unwrap();
        assert!(text.is_empty());
    }
}
