// SPDX-License-Identifier: Apache-2.0
//! The section about what Studio costs the service that serves it.

use std::fmt::Write as _;

use super::figures::Figures;

/// The section, if it was measured.
pub(super) fn section(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    if figures.plain("studio: cores").is_none() {
        return Ok(());
    }
    let of = |name: &str| figures.measured(&format!("studio: {name}"));
    text.push_str(INTRODUCTION);
    writeln!(text, "| processor time of the whole process | {:+.1} % of a core |", 100.0 * of("cores")?)?;
    writeln!(text, "| median admission, watched against alone | {:.2} x |", of("median of admit")?)?;
    writeln!(text, "| p99.9 of admission, watched against alone | {:.2} x |", of("p99.9 of admit")?)?;
    writeln!(text, "| sent to each browser | {:.0} kB/s |", of("bytes a second and browser")? / 1e3)?;
    Ok(())
}

const INTRODUCTION: &str = "
## What Studio costs the service that serves it

A process with 1,000 busy routes, in turns without Studio and with 20 browsers that watch all of them.
The code is in `crates/atrion-studio/benches`. The browsers live in the same process, so the figures
include their reading.

| what | with Studio and its browsers |
|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_the_bench_is_in_the_section_and_without_it_there_is_none() {
        let mut text = String::new();
        section(&mut text, &Figures::default()).unwrap();
        assert!(text.is_empty());

        let names = ["cores", "median of admit", "p99.9 of admit", "bytes a second and browser"];
        let lines: String =
            names.iter().map(|name| format!("{{\"figure\":\"studio: {name}\",\"value\":0.5}}\n")).collect();
        let figures = Figures::of_lines(&lines).unwrap();
        section(&mut text, &figures).unwrap();
        assert!(text.contains("| +50.0 % of a core |"), "{text}");
        assert_eq!(text.matches("0.50 x").count(), 2, "{text}");
    }
}
