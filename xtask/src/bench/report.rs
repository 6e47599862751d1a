// SPDX-License-Identifier: Apache-2.0
//! The document: what was run, on what, the tables, the budgets.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;

use super::budget::{ATRION, ATRION_OBSERVED, ATRION_OWN_CLOCK, Budget, CLOCK_ALONE, admit};
use super::figures::{Contender, Figures};
use super::fleet;
use super::machine::Machine;
use super::persistence;
use super::studio;

pub(super) fn markdown(
    figures: &Figures,
    machine: &Machine,
    effort: &str,
    took: Duration,
) -> anyhow::Result<String> {
    let mut text = String::new();
    text.push_str(INTRODUCTION);
    writeln!(
        text,
        "Measured on: {}, {} cores, {}, {}; `bench` profile (thin LTO, one codegen unit); {effort} run, {:.0} s.\n",
        machine.processor,
        machine.cores,
        machine.system,
        machine.compiler,
        took.as_secs_f64(),
    )?;
    budgets(&mut text, figures)?;
    peers(&mut text, figures)?;
    routes(&mut text, figures)?;
    stores(&mut text, figures)?;
    fleet::section(&mut text, figures)?;
    persistence::section(&mut text, figures)?;
    studio::section(&mut text, figures)?;
    Ok(text)
}

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask bench`; edits are lost. -->
# Benchmarks

Every number here was measured in one run of `cargo xtask bench`, which wrote this page. Compare the
ratios: they survive a change of machine better than the nanoseconds do. The code is in
`crates/atrion-bench`.

";

/// What is promised, and whether it is kept.
fn budgets(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str("## Budgets\n\n| path | budget | measured | |\n|---|---|---|---|\n");
    let verdicts = Budget::all(figures)?;
    for verdict in &verdicts {
        let budget = verdict.budget;
        writeln!(
            text,
            "| {} | <= {} | {} | {} |",
            budget.path,
            with_unit(budget.most, budget.unit),
            with_unit(verdict.measured, budget.unit),
            verdict.words()
        )?;
    }
    let missed: Vec<_> = verdicts.iter().filter(|verdict| verdict.is_missed()).collect();
    if !missed.is_empty() {
        text.push_str("\nWhat stands in the way of those that are missed:\n\n");
        for verdict in missed {
            writeln!(text, "- *{}*: {}", verdict.budget.path, verdict.budget.obstacle)?;
        }
    }
    text.push('\n');
    Ok(())
}

/// One admitted request, beside the peers.
fn peers(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str(PEERS);
    for contender in &figures.contenders {
        let one = of(figures, &contender.name, 1)?;
        let two = of(figures, &contender.name, 2)?;
        let (times_one, times_two) = match reference(contender) {
            Some(reference) => {
                (times(one / of(figures, reference, 1)?), times(two / of(figures, reference, 2)?))
            }
            None => Default::default(),
        };
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.2} | {times_one} | {times_two} |",
            contender.name,
            contender.operation,
            contender.clock_reads,
            time(one),
            time(two),
            two / one,
        )?;
    }
    let own = of(figures, ATRION_OWN_CLOCK, 1)? - of(figures, ATRION, 1)?;
    let noise = of(figures, CLOCK_ALONE, 2)? / of(figures, CLOCK_ALONE, 1)?;
    writeln!(
        text,
        "\nThe clock shares nothing between threads, so its own factor of {noise:.2} from one thread to two shows \
         how much of the machine others were using: 1.00 is a quiet one.{}",
        if noise > BUSY { " **It was not quiet: the figures for two threads are too high.**" } else { "" }
    )?;
    writeln!(
        text,
        "\nReading the clock itself costs Atrion {} of its {} per request; two bare readings of it cost {}.\n",
        time(own.max(0.0)),
        time(of(figures, ATRION_OWN_CLOCK, 1)?),
        time(of(figures, CLOCK_ALONE, 1)?),
    )?;
    Ok(())
}

const PEERS: &str = "\
## One admitted and finished request, beside its peers

Time per operation and thread. On two threads both work on the same guard, in short rounds that end
with the slower of them. Each peer is used as its own documentation shows, with limits that refuse nothing;
a refusal would stop the run. The peers do different things: a circuit breaker counts errors, a rate
limiter counts cells, a concurrency limiter measures latency. *Times Atrion* compares like with like:
a guard that reads a clock with Atrion reading its own, a guard that reads none with Atrion being
given the time. Async guards are polled again at once when they have to wait, which is their best case.

| guard | one operation | clock readings | 1 thread | 2 threads | 1 -> 2 | times Atrion, 1 | times Atrion, 2 |
|---|---|---|---|---|---|---|---|
";

/// Above this factor of the clock, what two threads showed says more about the machine than about
/// the guards.
const BUSY: f64 = 1.15;

/// The row of Atrion that a guard is compared with; Atrion's own rows and the clock's have none.
fn reference(contender: &Contender) -> Option<&'static str> {
    match (contender.name.as_str(), contender.clock_reads.as_str()) {
        (ATRION | ATRION_OBSERVED | ATRION_OWN_CLOCK | CLOCK_ALONE, _) => None,
        (_, "none") => Some(ATRION),
        (_, _) => Some(ATRION_OWN_CLOCK),
    }
}

/// What grows with the number of routes.
fn routes(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str("## Routes and the pulse\n\n| path | median | 95 % interval |\n|---|---|---|\n");
    for (path, id) in [
        ("lookup by name, a hundred hot ones among 10,000", "routes/lookup, hot among 10000"),
        ("lookup by name, all of 10,000 in turn", "routes/lookup, in turn of 10000"),
        ("COMPUTE of an idle route", "compute/one idle route"),
        ("COMPUTE of a busy route", "compute/one busy route"),
        ("pulse over 100,000 routes, all quiet", "routes/pulse over 100000, none busy"),
        ("pulse over 100,000 routes, 1 % with traffic", "routes/pulse over 100000, 1 % busy"),
        ("pulse over 100,000 routes, all with traffic", "routes/pulse over 100000, all busy"),
    ] {
        let median = figures.median(id).with_context(|| format!("{id} was not measured"))?;
        let (ns, low, high) = (time(median.ns), time(median.low), time(median.high));
        writeln!(text, "| {path} | {ns} | {low} to {high} |")?;
    }
    text.push('\n');
    Ok(())
}

/// What a sick store does to a request.
fn stores(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str(STORES);
    for store in ["healthy", "dead", "hanging"] {
        write!(text, "| {store} |")?;
        for quantile in ["p50", "p99", "p99.9"] {
            let name = format!("{quantile} of admit, {store} store");
            let ns = figures.measured(&name)?;
            write!(text, " {} |", time(ns))?;
        }
        text.push('\n');
    }
    Ok(())
}

const STORES: &str = "\
## A dead or hanging store

Each `admit` timed by itself, while the pulse pushes to a store that answers, that refuses every
call, or that never answers. The rounds of the three alternate, so that none of them has a quieter
machine. The times include one reading of the clock.

| store | p50 | p99 | p99.9 |
|---|---|---|---|
";

fn of(figures: &Figures, guard: &str, threads: u32) -> anyhow::Result<f64> {
    admit(figures, guard, threads).with_context(|| format!("{guard} on {threads} threads was not measured"))
}

/// A time as people write it, three figures or so.
pub(super) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 100.0 => format!("{ns:.1} ns"),
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", plain(value)).trim_end().to_owned()
}

/// A bare number: as many decimals as are worth reading.
fn plain(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_the_unit_that_people_use() {
        assert_eq!(time(9.04), "9.0 ns");
        assert_eq!(time(1512.0), "1512 ns");
        assert_eq!(time(28_577.0), "28.6 us");
        assert_eq!(time(9_870_000.0), "9.87 ms");
    }

    #[test]
    fn numbers_have_the_decimals_that_are_worth_reading() {
        assert_eq!(plain(10.0), "10");
        assert_eq!(plain(1.284), "1.28");
        assert_eq!(plain(37.24), "37.2");
        assert_eq!(plain(312.7), "313");
    }

    #[test]
    fn a_guard_is_compared_with_the_row_that_reads_as_many_clocks() {
        let guard = |name: &str, clock_reads: &str| Contender {
            name: name.to_owned(),
            operation: String::new(),
            clock_reads: clock_reads.to_owned(),
        };
        assert_eq!(reference(&guard("recloser", "none")), Some(ATRION));
        assert_eq!(reference(&guard("failsafe", "two")), Some(ATRION_OWN_CLOCK));
        assert_eq!(reference(&guard(ATRION, "none")), None);
    }
}
