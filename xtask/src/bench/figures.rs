// SPDX-License-Identifier: Apache-2.0
//! The results of a run: the estimates of criterion as files, the figures of a plain bench as
//! lines.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

#[derive(Default)]
pub(super) struct Figures {
    /// Median and its confidence interval in nanoseconds, by benchmark id.
    medians: BTreeMap<String, Median>,
    /// Figures of plain benches, by name.
    plain: BTreeMap<String, f64>,
    /// The guards, in the order of the tables.
    pub(super) contenders: Vec<Contender>,
    /// The layers, likewise.
    pub(super) layers: Vec<Contender>,
    /// What callgrind has counted, in the order of the table.
    pub(super) works: Vec<Work>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Median {
    pub(super) ns: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A guard as the tables describe it.
#[derive(Deserialize, Debug, PartialEq)]
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) operation: String,
    pub(super) clock_reads: String,
}

/// What callgrind counts of one operation.
#[derive(Deserialize, Serialize, Debug, PartialEq)]
pub(super) struct Work {
    pub(super) name: String,
    pub(super) instructions: f64,
    pub(super) misses_of_first: f64,
    pub(super) misses_of_last: f64,
}

/// One line of a plain bench.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Contender { contender: Contender },
    Layer { layer: Contender },
    Work { work: Work },
    Figure { figure: String, value: f64 },
}

impl Figures {
    /// Reads the files of criterion in a folder, and the lines of plain benches.
    pub(super) fn read(results: &Path, lines: &str) -> anyhow::Result<Self> {
        let mut figures = Self::of_lines(lines)?;
        figures.collect(results)?;
        Ok(figures)
    }

    /// Reads the lines of plain benches.
    pub(super) fn of_lines(lines: &str) -> anyhow::Result<Self> {
        let mut figures = Self::default();
        for line in lines.lines().filter(|line| line.starts_with('{')) {
            let line = serde_json::from_str(line)
                .with_context(|| format!("a bench printed a line that is no figure: {line}"))?;
            match line {
                Line::Contender { contender } => figures.contenders.push(contender),
                Line::Layer { layer } => figures.layers.push(layer),
                Line::Work { work } => figures.works.push(work),
                Line::Figure { figure, value } => drop(figures.plain.insert(figure, value)),
            }
        }
        Ok(figures)
    }

    /// The median of a benchmark, `group/function/value`.
    pub(super) fn median(&self, id: &str) -> Option<Median> {
        self.medians.get(id).copied()
    }

    pub(super) fn plain(&self, name: &str) -> Option<f64> {
        self.plain.get(name).copied()
    }

    /// Like [`Self::plain`], but a missing figure is an error.
    pub(super) fn measured(&self, name: &str) -> anyhow::Result<f64> {
        self.plain(name).with_context(|| format!("{name} was not measured"))
    }

    fn collect(&mut self, folder: &Path) -> anyhow::Result<()> {
        if folder.join("benchmark.json").is_file() && folder.ends_with("new") {
            let id: Benchmark = json(&folder.join("benchmark.json"))?;
            let estimates: Estimates = json(&folder.join("estimates.json"))?;
            self.medians.insert(id.full_id, estimates.median.into());
            return Ok(());
        }
        let entries = fs::read_dir(folder)
            .with_context(|| format!("criterion left nothing in {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                self.collect(&path)?;
            }
        }
        Ok(())
    }
}

fn json<T: for<'a> Deserialize<'a>>(file: &Path) -> anyhow::Result<T> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} has another form than expected", file.display()))
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

impl From<Estimate> for Median {
    fn from(estimate: Estimate) -> Self {
        Self {
            ns: estimate.point_estimate,
            low: estimate.confidence_interval.lower_bound,
            high: estimate.confidence_interval.upper_bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_from_criterions_files_and_from_lines() {
        let home = std::env::temp_dir().join(format!("xtask-figures-{}", std::process::id()));
        let new = home.join("admit/x/1/new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("benchmark.json"), r#"{"full_id":"admit/x/1","other":null}"#).unwrap();
        let interval = r#"{"confidence_level":0.95,"lower_bound":8.0,"upper_bound":10.0}"#;
        let median = format!(r#"{{"point_estimate":9.0,"confidence_interval":{interval}}}"#);
        fs::write(new.join("estimates.json"), format!(r#"{{"median":{median}}}"#)).unwrap();
        let lines = "starting\n{\"figure\":\"bytes\",\"value\":312.0}\n\
            {\"contender\":{\"name\":\"x\",\"operation\":\"o\",\"clock_reads\":\"none\"}}\n";

        let figures = Figures::read(&home, lines).unwrap();
        fs::remove_dir_all(&home).unwrap();

        let expected = Median { ns: 9.0, low: 8.0, high: 10.0 };
        assert_eq!(figures.median("admit/x/1"), Some(expected));
        assert_eq!(figures.plain("bytes"), Some(312.0));
        assert_eq!(figures.contenders.first().map(|c| c.name.as_str()), Some("x"));
        assert!(Figures::read(&home, "").is_err());
    }
}
