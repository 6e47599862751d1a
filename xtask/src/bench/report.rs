// SPDX-License-Identifier: Apache-2.0
//! The document: what was run, on what, the tables, the budgets.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;

use super::budget::{
    ATRION, ATRION_OBSERVED, ATRION_OWN_CLOCK, Budget, CLOCK_ALONE, COUNTER_ALONE, admit, layer,
};
use super::figures::{Contender, Figures};
use super::units::{time, times, with_unit};
use super::{builds, fleet, instructions, persistence, studio};
use crate::machine::Machine;

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
    crowds(&mut text, figures)?;
    layers(&mut text, figures)?;
    routes(&mut text, figures)?;
    instructions::section(&mut text, figures)?;
    stores(&mut text, figures)?;
    fleet::section(&mut text, figures)?;
    persistence::section(&mut text, figures)?;
    studio::section(&mut text, figures)?;
    builds::section(&mut text, figures)?;
    text.push_str(EARLIER);
    Ok(text)
}

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask bench`; edits are lost. -->
# Benchmarks

One run of `cargo xtask bench` measured every number here, except those under *Measured earlier*, and
wrote this page. Compare the ratios: they depend less on the machine than the nanoseconds do. The code
is in `crates/atrion-bench`; `cargo bench -p atrion-bench --bench admit` (or `layers`, `compute`, `routes`,
`figures`) measures one group alone; `--bench instructions` lists what can be counted below callgrind.

";

/// The budgets, and whether they are met.
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
        text.push_str("\nThe reasons for the missed ones:\n\n");
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
        "\nThe clock shares nothing between threads, so its factor of {noise:.2} from one thread to two shows \
         how much of the machine other processes used: 1.00 is a quiet machine.{}",
        if noise > BUSY {
            " **This one was not quiet: the figures for two threads are too high.**"
        } else {
            ""
        }
    )?;
    writeln!(
        text,
        "\nReading the clock itself costs Atrion {} of its {} per request; two bare \
         readings of the system's clock cost {}, of the processor's counter {}.\n",
        time(own.max(0.0)),
        time(of(figures, ATRION_OWN_CLOCK, 1)?),
        time(of(figures, CLOCK_ALONE, 1)?),
        time(of(figures, COUNTER_ALONE, 1)?),
    )?;
    Ok(())
}

const PEERS: &str = "\
## One admitted and finished request, beside its peers

Time per operation and thread. Two threads work on the same guard, in short rounds that end with the
slower of them. Each peer is used as its own documentation shows, with limits that refuse nothing; a
refusal would stop the run. The peers do different things: a circuit breaker counts errors, a rate
limiter counts cells, a concurrency limiter measures latency. *Times Atrion* compares a guard that
reads a clock with Atrion reading its own, and a guard that reads none with Atrion given the time.
Async guards are polled again at once when they have to wait, which is their best case.

| guard | one operation | clock readings | 1 thread | 2 threads | 1 -> 2 | times Atrion, 1 | times Atrion, 2 |
|---|---|---|---|---|---|---|---|
";

/// Above this factor of the clock, the figures for two threads tell more about the machine than
/// about the guards.
const BUSY: f64 = 1.15;

/// The row of Atrion that a guard is compared with. The rows of Atrion and of the clock have none.
fn reference(contender: &Contender) -> Option<&'static str> {
    match (contender.name.as_str(), contender.clock_reads.as_str()) {
        (ATRION | ATRION_OBSERVED | ATRION_OWN_CLOCK | CLOCK_ALONE | COUNTER_ALONE, _) => None,
        (_, "none") => Some(ATRION),
        (_, _) => Some(ATRION_OWN_CLOCK),
    }
}

/// Many threads at one guard.
fn crowds(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str(CROWDS);
    for threads in [1, 2, 4, 8, 16, 32, 64] {
        let spent =
            |guard: &str| figures.plain(&format!("{guard} on {threads} threads")).map_or("-".into(), time);
        let above = figures.measured(&format!("above the cap by {threads} threads"))?;
        let allowed = figures.measured(&format!("allowed above the cap by {threads} threads"))?;
        writeln!(
            text,
            "| {threads} | {} | {} | {above:.0} | {allowed:.0} |",
            spent("atrion"),
            spent("governor"),
        )?;
    }
    let (idle, stripes) = (
        figures.measured("bytes per route that was used once")?,
        figures.measured("bytes of the stripes of a busy route")?,
    );
    writeln!(
        text,
        "\nA route that is used seldom takes {idle:.0} bytes. One with 500 requests a second and more has a \
         stripe for each thread, twice as many as cores, eight at least and 64 at most: {stripes:.0} bytes more \
         here.\n",
    )?;
    Ok(())
}

const CROWDS: &str = "\
## More threads than two

Processor time of an operation in the mean over threads that all work on one guard, which take turns
where there are more of them than cores. *Above the cap* is how far the crowd rose above a cap of 400
while all threads pushed against it, with pulses beside them; *allowed* is the bound of
[ADR 0002](adr/0002-counting-per-thread.md).

| threads | atrion | governor | above the cap | allowed |
|---|---|---|---|---|
";

/// One request through each layer.
fn layers(text: &mut String, figures: &Figures) -> anyhow::Result<()> {
    text.push_str(LAYERS);
    let of = |name: &str| layer(figures, name).with_context(|| format!("{name} was not measured"));
    // Each operation is measured without a layer first.
    let mut alone: Option<(&str, f64, f64)> = None;
    for Contender { name, operation, clock_reads } in &figures.layers {
        let (ns, allocations) = (of(name)?, figures.measured(&format!("allocations of {name}"))?);
        let (_, bare_ns, bare_allocations) = match alone {
            Some(bare) if bare.0 == operation => bare,
            _ => *alone.insert((operation, ns, allocations)),
        };
        let (more, of_it) = ((ns - bare_ns).max(0.0), allocations - bare_allocations);
        writeln!(
            text,
            "| {name} | {operation} | {clock_reads} | {} | {} | {:.0} |",
            time(ns),
            time(more),
            of_it
        )?;
    }
    text.push('\n');
    Ok(())
}

const LAYERS: &str = "\
## One request through whole middleware

On one thread, around a service that answers at once: each layer called as a service, with limits
that refuse nothing, and in servers that a client calls through a pipe in memory or over a socket.
*More* is what is added to the first row of the same operation, in time and in allocations.

| layer | one operation | clock readings | time | more | allocations more |
|---|---|---|---|---|---|
";

/// The costs that grow with the number of routes.
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

/// The cost of a request while the store is sick.
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

Each `admit` timed alone, while the pulse pushes to a store that answers, that refuses every call, or
that never answers. The rounds of the three alternate, so that none of them has a quieter machine. The
times include one reading of the clock.

| store | p50 | p99 | p99.9 |
|---|---|---|---|
";

const EARLIER: &str = "
## Measured earlier

Peers that are no longer built here, with their last figures, from the full run before they were
removed (Intel Xeon, 2 cores, rustc 1.95.0). *Times Atrion* is that of the same run.

| guard | one operation | clock readings | 1 thread | 2 threads | 1 -> 2 | times Atrion, 1 | times Atrion, 2 |
|---|---|---|---|---|---|---|---|
| sentinel-core 0.1 | `EntryBuilder::build` and `exit` of an inbound resource with one breaker rule | several | 2392 ns | 5469 ns | 2.29 | 29 | 47 |

`sentinel-core` is unmaintained.
";

fn of(figures: &Figures, guard: &str, threads: u32) -> anyhow::Result<f64> {
    admit(figures, guard, threads).with_context(|| format!("{guard} on {threads} threads was not measured"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
