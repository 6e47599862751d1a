// SPDX-License-Identifier: Apache-2.0
//! The progress of a run: one line that is written over, or one line a second where the output does
//! not allow that.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::figures::quantile;
use super::plan::Plan;
use super::record::{Outcome, Record};
use super::terminal::{BOLD, DIM, Terminal, paint};
use super::traffic::Arrival;
use super::wire::{RouteTick, Tick};

/// The last second of a run.
pub(crate) struct Live<'a> {
    terminal: Terminal,
    plan: &'a Plan,
    arrivals: &'a [Arrival],
    /// The outcomes of the last second: when each was decided, and its latency.
    recent: VecDeque<(Duration, Outcome, Duration)>,
    tick: Tick,
    last_second: Option<u64>,
    last_phase: Option<&'static str>,
}

/// The heading of the lines. A test holds it aligned with them.
const HEADING: &str = "  time  phase     offered  served   shed  waiting  p99 ms  resistance";

impl<'a> Live<'a> {
    pub(crate) fn new(terminal: Terminal, plan: &'a Plan, arrivals: &'a [Arrival]) -> Self {
        let tick = Tick::default();
        Self { terminal, plan, arrivals, recent: VecDeque::new(), tick, last_second: None, last_phase: None }
    }

    pub(crate) fn begin(&self, title: &str) -> io::Result<()> {
        self.terminal.line("")?;
        self.terminal.line(&paint(BOLD, title))?;
        self.terminal.line(&paint(DIM, HEADING))
    }

    pub(crate) fn decided(&mut self, now: Duration, record: &Record) {
        self.recent.push_back((now, record.outcome, record.latency));
    }

    pub(crate) fn ticked(&mut self, tick: Tick) {
        self.tick = tick;
    }

    /// Shows the state at `now`. A terminal writes over the line before, except where a phase ends;
    /// other outputs get one line a second.
    pub(crate) fn show(&mut self, now: Duration) -> io::Result<()> {
        let line = self.render(now);
        if self.terminal.rewrites() {
            let phase = self.phase(now);
            if self.last_phase.replace(phase).is_some_and(|last| last != phase) {
                self.terminal.line("")?;
            }
            return self.terminal.rewrite(&line);
        }
        if self.last_second.replace(now.as_secs()) == Some(now.as_secs()) {
            return Ok(());
        }
        self.terminal.line(&line)
    }

    /// The name of the phase; after the last request it is `answers`.
    fn phase(&self, now: Duration) -> &'static str {
        if now < self.plan.end() { self.plan.phase_at(now).name() } else { "answers" }
    }

    pub(crate) fn end(&self) -> io::Result<()> {
        if self.terminal.rewrites() { self.terminal.line("") } else { Ok(()) }
    }

    fn render(&mut self, now: Duration) -> String {
        let since = now.saturating_sub(Duration::from_secs(1));
        while self.recent.front().is_some_and(|(at, ..)| *at < since) {
            self.recent.pop_front();
        }
        let before = |at: Duration| self.arrivals.partition_point(|arrival| arrival.at < at);
        let count = |wanted| self.recent.iter().filter(|(_, outcome, _)| *outcome == wanted).count();
        let served = |(_, outcome, latency): &(Duration, Outcome, Duration)| {
            (*outcome == Outcome::Served).then_some(*latency)
        };
        let mut latencies: Vec<Duration> = self.recent.iter().filter_map(served).collect();
        let p99 = quantile(&mut latencies, 0.99).map_or("-".to_owned(), |p99| p99.as_millis().to_string());
        format!(
            "{:>4} s  {:<9} {:>7}  {:>6} {:>6}  {:>7}  {:>6}  {}",
            now.as_secs(),
            self.phase(now),
            before(now) - before(since),
            count(Outcome::Served),
            count(Outcome::Refused),
            self.tick.queued,
            p99,
            resistance(&self.tick.routes),
        )
    }
}

/// The highest resistance, with its route where the routes differ.
fn resistance(routes: &[RouteTick]) -> String {
    let by_resistance = |a: &&RouteTick, b: &&RouteTick| a.resistance_ohm.total_cmp(&b.resistance_ohm);
    let (lowest, highest) = (routes.iter().min_by(by_resistance), routes.iter().max_by(by_resistance));
    let (Some(lowest), Some(highest)) = (lowest, highest) else { return "-".to_owned() };
    let ohm = format!("{:>3.0} ohm", highest.resistance_ohm);
    if highest.resistance_ohm - lowest.resistance_ohm < 0.5 {
        return ohm;
    }
    let name: String = highest.route.chars().take(12).collect();
    format!("{ohm} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;
    use crate::tier::Tier;

    fn arrival(at_ms: u64) -> Arrival {
        Arrival {
            at: Duration::from_millis(at_ms),
            phase: Phase::Calm,
            user: 1,
            tier: Tier::Low,
            path: "/".to_owned(),
            fails_with: None,
            servable: true,
        }
    }

    #[test]
    fn the_line_counts_the_last_second_and_fits_eighty_columns() {
        let plan = Plan::new(Duration::from_secs(1), Duration::from_secs(4), 100.0);
        let arrivals: Vec<Arrival> = (0..30).map(|n| arrival(n * 100)).collect();
        let mut live = Live::new(Terminal::plain(), &plan, &arrivals);
        for (at_ms, outcome) in [(500, Outcome::Served), (1_500, Outcome::Served), (1_900, Outcome::Refused)]
        {
            let record = Record {
                outcome,
                latency: Duration::from_millis(80),
                ..Record::new(&arrival(0), Duration::ZERO)
            };
            live.decided(Duration::from_millis(at_ms), &record);
        }
        let route = |name: &str, resistance_ohm| RouteTick {
            route: name.to_owned(),
            resistance_ohm,
            ..RouteTick::default()
        };
        live.ticked(Tick {
            queued: 12,
            routes: vec![route("/a", 10.0), route("/an-unusually-long-route", 43.2)],
            ..Tick::default()
        });
        let line = live.render(Duration::from_secs(2));
        assert_eq!(line, "   2 s  calm           10       1      1       12      80   43 ohm /an-unusuall");
        assert!(line.len() <= 79, "{}", line.len());
    }

    #[test]
    fn the_heading_stands_over_its_columns() {
        let plan = Plan::new(Duration::from_secs(1), Duration::from_secs(4), 100.0);
        let mut live = Live::new(Terminal::plain(), &plan, &[]);
        live.ticked(Tick { queued: 123_456, ..Tick::default() });
        let line = live.render(Duration::ZERO);
        let end = |text: &str, word: &str| text.find(word).map(|at| at + word.len());
        assert_eq!(end(HEADING, "waiting"), end(&line, "123456"));
        assert_eq!(HEADING.find("phase"), line.find("warm-up"));
    }
}
