// SPDX-License-Identifier: Apache-2.0
//! From runs to a table.

use atrion_engine::ConfigError;

use super::runs::{Job, run_all};
use crate::parallel::Progress;
use crate::policy::{Entry, oracle_limits};
use crate::scenario::Scenario;
use crate::score::Components;

/// One policy over all scenarios.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Row {
    /// The policy.
    pub name: String,
    /// Whether it could be had: the oracle could not.
    pub realizable: bool,
    /// Mean score.
    pub score: f64,
    /// Worst mean score of a scenario.
    pub worst: f64,
    /// Which scenario that was.
    pub worst_in: String,
    /// Mean rank among the realizable policies, 1 the best; ties share.
    pub rank: f64,
    /// Mean components.
    pub components: Components,
    /// For every scenario the mean score over the seeds and the mean components.
    pub scenarios: Vec<(f64, Components)>,
}

/// The outcome of a set.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Table {
    /// Names of the scenarios.
    pub scenarios: Vec<String>,
    /// Best mean score first.
    pub rows: Vec<Row>,
    /// Simulated events.
    pub events: u64,
    /// Runs.
    pub runs: usize,
}

impl Table {
    /// How many runs [`Table::run`] will take.
    #[must_use]
    pub fn size(scenarios: &[Scenario], entries: &[Entry], oracle: bool, seeds: &[u64]) -> usize {
        let limits: usize =
            if oracle { scenarios.iter().map(|one| oracle_limits(one).len()).sum() } else { 0 };
        (scenarios.len() * entries.len() + limits) * seeds.len()
    }

    /// Runs `entries`, and if asked the oracle, through `scenarios` with each seed.
    ///
    /// # Errors
    /// [`ConfigError`] of a policy that cannot be made.
    pub fn run(
        scenarios: &[Scenario],
        entries: &[Entry],
        oracle: bool,
        seeds: &[u64],
        threads: usize,
        progress: &Progress<'_>,
    ) -> Result<Self, ConfigError> {
        let limits: Vec<Vec<Entry>> =
            if oracle { scenarios.iter().map(oracle_limits).collect() } else { Vec::new() };
        let mut jobs = Vec::new();
        for (nth, scenario) in scenarios.iter().enumerate() {
            for entry in entries.iter().chain(limits.get(nth).into_iter().flatten()) {
                jobs.extend(seeds.iter().map(|seed| Job { scenario, entry, seed: *seed }));
            }
        }
        let (components, events) = run_all(&jobs, threads, progress)?;
        let mut means = components.chunks(seeds.len().max(1)).map(mean);
        let mut by_policy = vec![Vec::new(); entries.len()];
        let mut best = Vec::new();
        for nth in 0..scenarios.len() {
            for outcomes in &mut by_policy {
                outcomes.extend(means.next());
            }
            let candidates = means.by_ref().take(limits.get(nth).map_or(0, Vec::len));
            best.extend(candidates.max_by(|a, b| a.0.total_cmp(&b.0)));
        }
        let mut rows: Vec<Row> = entries
            .iter()
            .zip(by_policy)
            .map(|(entry, outcomes)| row(&entry.name, true, outcomes, scenarios))
            .collect();
        rank(&mut rows);
        if oracle {
            rows.push(row("oracle", false, best, scenarios));
        }
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        let scenarios = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
        Ok(Self { scenarios, rows, events, runs: jobs.len() })
    }

    /// The row of that name.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The table as JSON: `{policies: {NAME: {score, worst, scenarios: {NAME: {score, components:
    /// {...}}}}}}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let policies = self.rows.iter().map(|row| {
            let scenarios = self.scenarios.iter().zip(&row.scenarios).map(|(name, (score, components))| {
                (name.clone(), serde_json::json!({ "score": score, "components": components }))
            });
            let policy = serde_json::json!({
                "score": row.score,
                "worst": row.worst,
                "worst_in": row.worst_in,
                "rank": row.rank,
                "realizable": row.realizable,
                "components": row.components,
                "scenarios": scenarios.collect::<serde_json::Map<_, _>>(),
            });
            (row.name.clone(), policy)
        });
        serde_json::json!({ "policies": policies.collect::<serde_json::Map<_, _>>() })
    }
}

fn row(name: &str, realizable: bool, scenarios: Vec<(f64, Components)>, of: &[Scenario]) -> Row {
    let score = scenarios.iter().map(|(score, _)| score).sum::<f64>() / scenarios.len().max(1) as f64;
    let all: Vec<_> = scenarios.iter().map(|(_, components)| *components).collect();
    let worst = scenarios.iter().zip(of).min_by(|a, b| a.0.0.total_cmp(&b.0.0));
    Row {
        name: name.to_owned(),
        realizable,
        score,
        worst: worst.map_or(0.0, |((score, _), _)| *score),
        worst_in: worst.map_or_else(String::new, |(_, scenario)| scenario.name.clone()),
        rank: 0.0,
        components: mean(&all).1,
        scenarios,
    }
}

/// The mean of the scores, and of the components.
fn mean(all: &[Components]) -> (f64, Components) {
    let n = all.len().max(1) as f64;
    let of = |part: fn(&Components) -> f64| all.iter().map(part).sum::<f64>() / n;
    let components = Components {
        goodput: of(|one| one.goodput),
        weighted: of(|one| one.weighted),
        critical: of(|one| one.critical),
        waste: of(|one| one.waste),
        recovery: mean_of_known(all.iter().filter_map(|one| one.recovery).collect()),
        tail: of(|one| one.tail),
        flapping: of(|one| one.flapping),
        false_sheds: of(|one| one.false_sheds),
        fairness: of(|one| one.fairness),
        spared: mean_of_known(all.iter().filter_map(|one| one.spared).collect()),
    };
    (of(Components::score), components)
}

fn mean_of_known(values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn rank(rows: &mut [Row]) {
    let count = rows.first().map_or(0, |row| row.scenarios.len());
    let mut sums = vec![0.0; rows.len()];
    for nth in 0..count {
        for (me, sum) in sums.iter_mut().enumerate() {
            let mine = rows[me].scenarios[nth].0;
            for (other, row) in rows.iter().enumerate() {
                // Closer than a twentieth of a point is a tie.
                let ahead = row.scenarios[nth].0 - mine;
                if other != me && ahead > TIE {
                    *sum += 1.0;
                } else if other != me && ahead >= -TIE {
                    *sum += 0.5;
                }
            }
        }
    }
    for (row, sum) in rows.iter_mut().zip(sums) {
        row.rank = 1.0 + sum / count.max(1) as f64;
    }
}

const TIE: f64 = 0.05;
