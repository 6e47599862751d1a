// SPDX-License-Identifier: Apache-2.0
//! What came out, as tables, as JSON, and as a page with every configuration in full.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::super::figures::{PhaseFigures, Slice};
use super::super::plan::{CALM_LOAD, Phase};
use super::super::plot::plot;
use super::super::report::number;
use super::super::tier::Tier;
use super::PHASES;
use super::contender::{ALL, Contender, File, SHOWN, by_hand, filled, ports_as_places};
use super::cost::{Added, Cost, proxies};

/// One contender, and how it did.
#[derive(Debug, Serialize)]
pub(super) struct Result {
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    pub(super) phases: Vec<(Phase, PhaseFigures)>,
    /// Seconds from the end of the outage until goodput recovered; `None` if it did not.
    pub(super) recovered_after_s: Option<f64>,
    /// How late the clients sent, 99th percentile, in milliseconds: the machine was too busy where
    /// that is much.
    pub(super) lag_p99_ms: f64,
    #[serde(skip)]
    pub(super) slices: Vec<Slice>,
}

/// All of them.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) machine: String,
    pub(super) workers: usize,
    /// Requests per second of all workers in health.
    pub(super) capacity: f64,
    /// Of one contender's run.
    pub(super) seconds: f64,
    #[serde(skip)]
    pub(super) span: Duration,
    pub(super) results: Vec<Result>,
    pub(super) costs: Vec<Cost>,
}

impl Page {
    /// The tables alone, for a terminal of 80 columns.
    pub(super) fn tables(&self) -> String {
        let phases = self.results.first().map(|first| &first.phases[..]).unwrap_or_default();
        let phases: Vec<_> = phases.iter().map(|(phase, _)| phase.name()).collect();
        let by_phase = |title: &str, cell: fn(&PhaseFigures) -> String| {
            table(
                title,
                &phases,
                self.rows(|result| result.phases.iter().map(|(_, figures)| cell(figures)).collect()),
            )
        };
        let tables = [
            by_phase("Critical requests served, in %", |phase| share(phase.success.critical)),
            by_phase("Goodput, in % of the possible", |phase| share(phase.goodput_share)),
            by_phase("p99 of what was served, in ms", |phase| number(phase.p99_ms)),
            table("Served in the overload, by tier, in %", &Tier::ALL.map(Tier::name), self.rows(by_tier)),
            table("After the outage", &["recovered after, s", "clients late by, ms (p99)"], self.rows(after)),
            self.costs(),
        ];
        tables.concat()
    }

    fn rows(&self, cells: impl Fn(&Result) -> Vec<String>) -> Vec<(&str, Vec<String>)> {
        self.results.iter().map(|result| (result.name, cells(result))).collect()
    }

    fn costs(&self) -> String {
        if self.costs.is_empty() {
            return String::new();
        }
        let names = ["CPU, us", "per s, core", "p50, us", "p99, us", "idle, bytes"];
        let row = |cost: &Cost| {
            let Cost { name, cpu_us, turns_us: _, p50_us, p99_us, idle_bytes } = cost;
            // Where there is no proxy, it costs nothing that could be said.
            let of_proxy = |cell: String| if *cpu_us > 0.0 { cell } else { "-".to_owned() };
            let cells = [
                of_proxy(format!("{cpu_us:.1}")),
                of_proxy(format!("{:.0}", 1e6 / cpu_us)),
                p50_us.to_string(),
                p99_us.to_string(),
                of_proxy(idle_bytes.to_string()),
            ];
            (*name, Vec::from(cells))
        };
        let table = table("Passing requests on", &names, self.costs.iter().map(row).collect());
        let added = Added::of(&self.costs).map(|Added { us, error_us, share_of_envoy }| {
            format!(
                "Admission adds {us:.1} us to a request (standard error {error_us:.1}): {:.1} % of Envoy's.\n\n",
                share_of_envoy * 100.0
            )
        });
        table + &added.unwrap_or_default()
    }

    pub(super) fn markdown(&self) -> String {
        let Self { machine, workers, capacity, seconds, .. } = self;
        let phase =
            self.span.as_secs_f64() / f64::from(PHASES.map(|(_, lengths)| lengths).iter().sum::<u32>());
        let critical = 0.05 * CALM_LOAD * capacity * phase;
        let one = 100.0 / critical;
        let mut text = format!(
            "<!-- Written by `cargo xtask versus --page FILE`; edits are lost. -->\n\
             # Beside others\n\n\
             One run of `cargo xtask versus` measured every number here, and wrote this page.\n\n\
             *Service*: {workers} workers with 100 ms a request (log-normal), an unbounded queue before \
             them, {capacity:.0} requests a second; it finishes what it has begun, also when the client \
             has left. *Clients*: the same Poisson arrivals at the same instants for all, whatever became \
             of earlier ones; five tiers (5 % critical, 15 % high, 40 % normal, 20 % low, 20 % bulk); an \
             attempt has 1 s, a request 2 s, with two repetitions. *Phases*: calm, 0.7 of the capacity; \
             overload, 3 times it; gray, 0.7 with half of the workers four times slower; sustained, 1.2 \
             times it for twice as long; outage, 0.7 with a dependency of 30 % of the requests that hangs; \
             recovery, 0.7. A phase begins with what the one before has left. Each contender runs for \
             {seconds:.0} s. At 0.7 of the capacity some {critical:.0} critical requests come in a phase: \
             one of them is {one:.1} %.\n\n\
             *Possible* is the smaller one of what can be served of what is offered, and what the workers \
             can do. Over 100 %: requests of a phase's end are served in the next one. Critical \
             requests that hang in the outage are among those that are not served. *Recovered* is the first \
             instant from which on a second of arrivals got 95 % of the possible.\n\n\
             *Passing requests on*, without an overload, in the last table: processor time of the proxy \
             alone for a request (64 connections), and how many requests a second that makes for a core; \
             then the time of a request of one client after the other, of which the first row is h2load's \
             and the service's own, so that the difference is what a proxy adds; and what a proxy holds \
             for a connection that says nothing. The proxies take turns. *Guarded* has a gate that \
             computes and counts everything and refuses nothing; *unguarded* passes by it. What admission \
             adds is the difference of the two, which can be below zero where the machine's noise is more.\n\n\
             Measured on: {machine}.\n\n"
        );
        text = wrapped(&text);
        text.push_str(&self.tables());
        let shown: Vec<_> = self
            .results
            .iter()
            .filter(|result| PLOTTED.contains(&result.name))
            .map(|result| (result.name, &result.slices[..]))
            .collect();
        let _ = write!(text, "```text\n{}```\n\n## Configurations\n", plot(&shown, self.span));
        for result in &self.results {
            let contender = ALL.iter().find(|contender| contender.name == result.name);
            if let Some(contender) = contender.filter(|contender| !contender.choice.is_empty()) {
                self.configuration(&mut text, contender, result.version.as_deref());
            }
        }
        if !self.costs.is_empty() {
            text.push_str("\n## Configurations that pass requests on\n");
            text.extend(proxies().iter().map(|proxy| self.files(proxy.name, proxy.kind.files())));
        }
        text
    }

    fn configuration(&self, text: &mut String, contender: &Contender, version: Option<&str>) {
        let Contender { name, choice, .. } = contender;
        // Writing to a text does not fail.
        let _ = write!(text, "\n### {name}\n\n{}\n", wrapped(choice));
        if let Some(version) = version {
            let _ = write!(text, "\nVersion: {}\n", without_folder(version));
        }
        text.push_str(&self.files("", contender.kind.files()));
    }

    /// Files as they are run with, below a name if there is one.
    fn files(&self, name: &str, files: Vec<File>) -> String {
        let show = |file: &File| {
            let shown = filled(&filled(&ports_as_places(file.text), &SHOWN), &by_hand(self.workers));
            let title = if name.is_empty() { String::new() } else { format!("\n### {name}\n") };
            format!("{title}\n```{}\n{shown}```\n", file.language)
        };
        files.iter().map(show).collect()
    }
}

/// Without the folder that a program was started from, which begins some versions.
fn without_folder(version: &str) -> &str {
    let program = version.split(' ').next().filter(|program| program.starts_with('/'));
    let folder = program.and_then(|program| program.rfind('/')).map_or(0, |last| last + 1);
    &version[folder..]
}

/// The same with lines of 100 characters at the most, where words permit.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.split_inclusive('\n') {
        let mut length = 0;
        for word in line.split_inclusive(' ') {
            if length > 0 && length + word.trim_end().len() > 100 {
                wrapped.truncate(wrapped.trim_end_matches(' ').len());
                wrapped.push('\n');
                length = 0;
            }
            wrapped.push_str(word);
            length += word.len();
        }
    }
    wrapped
}

/// What the plot has room for.
const PLOTTED: [&str; 4] = ["nothing", "envoy-adaptive", "haproxy-priority", "atrion-sidecar"];

fn share(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1}", share * 100.0))
}

/// Who is served in the overload.
fn by_tier(result: &Result) -> Vec<String> {
    let overload = result.phases.iter().find(|(phase, _)| *phase == Phase::Overload);
    let served = |tier| share(overload.and_then(|(_, figures)| *figures.success.get(tier)));
    Tier::ALL.map(served).into()
}

/// How soon all are served after the outage, and whether the machine kept up.
fn after(result: &Result) -> Vec<String> {
    let recovered = result.recovered_after_s.map_or("not".to_owned(), |after| format!("{after:.1}"));
    vec![recovered, format!("{:.1}", result.lag_p99_ms)]
}

/// A table that reads well as text, too.
fn table(title: &str, names: &[&str], rows: Vec<(&str, Vec<String>)>) -> String {
    let first = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let width = |n: usize, name: &str| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(n));
        cells.map(String::len).chain([name.len()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = names.iter().enumerate().map(|(n, name)| width(n, name)).collect();
    let line = |name: &str, cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:>width$} |"));
        format!("| {name:first$} |{}\n", cells.collect::<String>())
    };
    let rules: String = widths.iter().map(|width| format!("{}:|", "-".repeat(width + 1))).collect();
    let head = line("", names.to_vec());
    let body = rows.iter().map(|(name, cells)| line(name, cells.iter().map(String::as_str).collect()));
    format!("{title}:\n\n{head}|{}|{rules}\n{}\n", "-".repeat(first + 2), body.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::PerTier;

    #[test]
    fn the_page_has_every_figure_and_every_configuration() {
        let figures = || PhaseFigures {
            offered_per_s: 1.0,
            capacity_per_s: 1.0,
            goodput_per_s: 1.0,
            goodput_share: Some(0.987),
            success: PerTier { critical: Some(0.123), ..PerTier::default() },
            p99_ms: None,
            shed_share: None,
        };
        let phases =
            [Phase::Calm, Phase::Overload, Phase::Gray, Phase::Sustained, Phase::Outage, Phase::Recovery];
        let result = |contender: &Contender| Result {
            name: contender.name,
            version: Some("/home/own/envoy  version: 9e55/1.40.0/RELEASE".to_owned()),
            phases: phases.map(|phase| (phase, figures())).into(),
            recovered_after_s: Some(0.4),
            lag_p99_ms: 1.5,
            slices: Vec::new(),
        };
        let (machine, span) = ("a machine".to_owned(), Duration::from_secs(70));
        let results = ALL.iter().map(result).collect();
        let cost = |name, turns_us: [f64; 2]| Cost {
            name,
            cpu_us: turns_us.iter().sum::<f64>() / 2.0,
            turns_us: turns_us.into(),
            p50_us: 90,
            p99_us: 200,
            idle_bytes: 1000,
        };
        let costs = vec![
            cost("envoy", [40.0, 40.08]),
            cost("atrion, unguarded", [20.0, 24.0]),
            cost("atrion, guarded", [20.5, 25.5]),
        ];
        let page = Page { machine, workers: 40, capacity: 400.0, seconds: 73.0, span, results, costs };
        let wide = page.tables().lines().find(|line| line.len() > 80).map(str::to_owned);
        assert_eq!(wide, None, "a terminal has 80 columns");
        let text = page.markdown();
        for part in [
            "|                   | calm | overload |",
            "| atrion-sidecar    | 12.3 |     12.3 |",
            "| nginx             | 98.7 |     98.7 |",
            "Version: envoy  version: 9e55/1.40.0/RELEASE\n",
            "| envoy             |    40.0 |       24975 |      90 |     200 |        1000 |",
            "Admission adds 1.0 us to a request (standard error 0.5): 2.5 % of Envoy's.\n",
            "some 140 critical requests come in a phase: one\nof them is 0.7 %.",
            "maxconn 40",
            "limit_conn service 60;",
            "### atrion, guarded\n\n```toml\n[[listen]]\naddress = \"127.0.0.1:8080\"",
            "port_value: 8080 ",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("/home/own") && !text.contains("${"), "{text}");
        let prose =
            text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase() || c == '*'));
        assert_eq!(prose.clone().find(|line| line.len() > 100), None);
        assert!(prose.count() > 10);
    }
}
