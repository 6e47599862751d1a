// SPDX-License-Identifier: Apache-2.0
//! The report: both runs side by side, the plot, and the meaning of the figures.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::Style;

use super::figures::{PerPhase, PhaseFigures, RunFigures, Runs, Slice, quantile};
use super::plan::Phase;
use super::plot::plot;
use super::record::{Outcome, Record};
use super::terminal::{BOLD, GREEN, RED, paint};
use super::tier::Tier;
use super::traffic::LogSummary;

/// The facts about a run beside its figures.
#[derive(Debug)]
pub(crate) struct Extras {
    pub(crate) slices: Vec<Slice>,
    /// The share of requests that a healthy worker answers with a success.
    pub(crate) servable: PerPhase<Option<f64>>,
    pub(crate) requests: usize,
    pub(crate) attempts: u32,
    pub(crate) refusals: u32,
    pub(crate) broken: usize,
    /// How late the generator sent: 99th percentile and maximum, in milliseconds.
    pub(crate) lag_p99_ms: f64,
    pub(crate) lag_max_ms: f64,
}

impl Extras {
    pub(crate) fn of(records: &[Record], slices: Vec<Slice>) -> Self {
        let measured = || records.iter().filter(|record| record.phase != Phase::Warmup);
        let mut lags: Vec<_> = measured().map(|record| record.lag).collect();
        let mut lag = |share| quantile(&mut lags, share).map_or(0.0, |lag| lag.as_secs_f64() * 1000.0);
        let (lag_p99_ms, lag_max_ms) = (lag(0.99), lag(1.0));
        let servable = PerPhase::from_fn(|phase| {
            let all = records.iter().filter(|record| record.phase == phase);
            let able = all.clone().filter(|record| record.servable);
            Some(able.count() as f64 / all.count() as f64).filter(|share| share.is_finite())
        });
        Self {
            slices,
            servable,
            requests: measured().count(),
            attempts: measured().map(|record| record.attempts).sum(),
            refusals: measured().map(|record| record.refusals).sum(),
            broken: measured().filter(|record| record.outcome == Outcome::Broken).count(),
            lag_p99_ms,
            lag_max_ms,
        }
    }
}

/// One run as the report names it.
pub(crate) struct Run<'a> {
    pub(crate) name: &'static str,
    style: Style,
    figures: &'a RunFigures,
    extras: &'a Extras,
}

/// The runs that took place, in their order.
pub(crate) fn runs<'a>(
    figures: &'a Runs,
    unprotected: Option<&'a Extras>,
    protected: Option<&'a Extras>,
) -> Vec<Run<'a>> {
    let run = |name, style, figures: Option<&'a RunFigures>, extras: Option<&'a Extras>| {
        Some(Run { name, style, figures: figures?, extras: extras? })
    };
    let unprotected = run("unprotected", RED, figures.unprotected.as_ref(), unprotected);
    let protected = run("protected", GREEN, figures.protected.as_ref(), protected);
    unprotected.into_iter().chain(protected).collect()
}

/// The table: a column for each phase, a row for each figure of each run.
pub(crate) fn table(runs: &[Run<'_>]) -> String {
    let mut text = String::new();
    let Some(first) = runs.first() else { return text };
    let phases = first.figures.phases.iter().map(|(phase, _)| format!("{:>10}", phase.name()));
    let heading = format!("{:<28}{}", "", phases.collect::<String>());
    line(&mut text, &paint(BOLD, &heading));
    line(&mut text, &row("offered /s", "", first.figures, |phase| number(Some(phase.offered_per_s))));
    line(&mut text, &row("capacity /s", "", first.figures, |phase| number(Some(phase.capacity_per_s))));

    let servable = first.extras.servable.iter().map(|(_, share)| format!("{:>10}", percent(*share)));
    line(&mut text, &format!("{:<28}{}", "can succeed", servable.collect::<String>()));

    let mut group = |label: &str, cell: &dyn Fn(&PhaseFigures) -> String| {
        for (index, run) in runs.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            line(&mut text, &paint(run.style, &row(label, run.name, run.figures, cell)));
        }
    };
    group("goodput /s", &|phase| number(Some(phase.goodput_per_s)));
    group("of the possible", &|phase| percent(phase.goodput_share));
    for tier in Tier::ALL {
        group(&format!("{} served", tier.name()), &|phase| percent(*phase.success.get(tier)));
    }
    group("p99 served, ms", &|phase| number(phase.p99_ms));
    group("refused", &|phase| percent(phase.shed_share));
    for run in runs {
        let after = run.figures.recovered_after_s;
        let after = after.map_or("not within the run".to_owned(), |after| format!("after {after:.1} s"));
        line(&mut text, &format!("{:<16}{:<12}{after}", "recovered", run.name));
    }
    text
}

fn row(label: &str, run: &str, figures: &RunFigures, cell: impl Fn(&PhaseFigures) -> String) -> String {
    let cells = figures.phases.iter().map(|(_, phase)| format!("{:>10}", cell(phase)));
    format!("{label:<16}{run:<12}{}", cells.collect::<String>())
}

pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.0}"))
}

pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// The plot of the measured time.
pub(crate) fn curves(runs: &[Run<'_>], span: Duration) -> String {
    let curves: Vec<_> = runs.iter().map(|run| (run.name, run.extras.slices.as_slice())).collect();
    plot(&curves, span)
}

/// The meaning of the figures, and the quality of the measurement.
pub(crate) fn notes(runs: &[Run<'_>], log: Option<&LogSummary>) -> String {
    let mut text = MEANING.to_owned();
    for run in runs {
        let Extras { requests, attempts, refusals, broken, lag_p99_ms, lag_max_ms, .. } = run.extras;
        line(
            &mut text,
            &format!(
                "{}: {requests} requests in {attempts} attempts, {refusals} attempts refused.",
                run.name
            ),
        );
        line(
            &mut text,
            &format!(
                "  sent late by {lag_p99_ms:.1} ms (p99), {lag_max_ms:.1} ms at most; {broken} broken connections"
            ),
        );
        if *lag_p99_ms > LATE_MS {
            line(&mut text, "  the machine is too busy for this rate: try a lower --rate");
        }
    }
    if let Some(log) = log {
        text.push_str(&log_notes(log));
    }
    text
}

/// The summary of the log.
pub(crate) fn log_notes(log: &LogSummary) -> String {
    let mut text = String::new();
    let LogSummary { requests, malformed, out_of_order, silences_cut, backend_failures, .. } = log;
    line(
        &mut text,
        &format!(
            "log: {requests} requests, {backend_failures} failed in the backend, {malformed} lines malformed;"
        ),
    );
    line(
        &mut text,
        &format!(
            "  {out_of_order} lines earlier than the one before, {silences_cut} silences cut to 20 median gaps"
        ),
    );
    for (number, fault) in &log.first_faults {
        line(&mut text, &format!("  line {number}: {fault}"));
    }
    if log.malformed > log.first_faults.len() {
        line(&mut text, &format!("  and {} more malformed lines", log.malformed - log.first_faults.len()));
    }
    if log.cut_at_limit {
        line(&mut text, "  the log is longer than the demo reads: the rest was left out");
    }
    text
}

fn line(text: &mut String, content: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}

/// A generator that is later than this does not drive the load that it reports.
const LATE_MS: f64 = 50.0;

const MEANING: &str = "\
goodput    requests served within the client's 2 s; all attempts count as one
capacity   what the workers can do in that phase. gray: half of them are 4 times
           slower. outage: no more than the requests without the dependency
possible   min(offered, capacity), what a perfect guard would serve. A phase
           that ends with a full queue can pass 100 %, at the cost of the next
recovered  after the outage: the first second with 95 % of the possible goodput
clients    give up an attempt after 1 s, retry twice with backoff and ignore
           Retry-After; a worker does not notice that its client left
";

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::figures::{PerPhase, PhaseFigures};
    use crate::tier::PerTier;

    fn figures(goodput_per_s: f64, recovered_after_s: Option<f64>) -> RunFigures {
        let phase = |_| PhaseFigures {
            offered_per_s: 12_345.6,
            capacity_per_s: 10_000.0,
            goodput_per_s,
            goodput_share: Some(goodput_per_s / 10_000.0),
            success: PerTier { critical: Some(1.0), ..PerTier::default() },
            p99_ms: None,
            shed_share: Some(0.123_45),
        };
        RunFigures { phases: PerPhase::from_fn(phase), recovered_after_s }
    }

    fn extras() -> Extras {
        Extras {
            slices: Vec::new(),
            servable: PerPhase::from_fn(|_| Some(0.7)),
            requests: 1_000_000,
            attempts: 3_000_000,
            refusals: 2_000_000,
            broken: 0,
            lag_p99_ms: 1.2,
            lag_max_ms: 12.3,
        }
    }

    #[test]
    fn the_runs_stand_side_by_side_in_eighty_columns() {
        let figures =
            Runs { unprotected: Some(figures(8.0, None)), protected: Some(figures(9_876.5, Some(0.3))) };
        let extras = extras();
        let runs = runs(&figures, Some(&extras), Some(&extras));
        let table = strip_str(&table(&runs)).to_string();
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        for expected in ["offered /s", "98.8 %", "100.0 %", "12.3 %", "not within the run", "after 0.3 s"] {
            assert!(table.contains(expected), "{expected} in\n{table}");
        }
        let log = LogSummary {
            malformed: 7,
            first_faults: vec![(3, "the line is empty".into())],
            ..LogSummary::default()
        };
        let notes = notes(&runs, Some(&log));
        let long: Vec<&str> = notes.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{long:#?}");
        assert!(notes.contains("line 3: the line is empty") && notes.contains("and 6 more"), "{notes}");
    }

    #[test]
    fn one_run_alone_is_a_report_too() {
        let figures = Runs { unprotected: None, protected: Some(figures(1.0, None)) };
        let extras = extras();
        let table = table(&runs(&figures, None, Some(&extras)));
        assert!(!table.contains("unprotected") && table.contains("protected"));
    }
}
