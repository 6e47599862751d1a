// SPDX-License-Identifier: Apache-2.0
//! Compares values of one number of the preset `adaptive`.

use std::process::ExitCode;

use anyhow::Context as _;
use atrion_core::AdaptiveConfig;
use atrion_sim::Set;
use atrion_sim::policy::Entry;
use atrion_sim::table::Table;

use super::common::{self, Counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A field of the preset's configuration, for example `gain` or `scar_rate`.
    field: String,
    /// Its values.
    #[arg(required = true, value_delimiter = ',')]
    values: Vec<f64>,
    /// named, heldout, callers, nuisance, routes, hasty or random:N:SEED.
    #[arg(long, default_value_t = Set::Named)]
    set: Set,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scenarios = args.set.scenarios()?;
    let mut entries = vec![Entry::adaptive("default".to_owned(), AdaptiveConfig::default())];
    for value in &args.values {
        let config = with(&args.field, *value)?;
        if let Err(faults) = config.check() {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            anyhow::bail!("{}", faults.join("; "));
        }
        entries.push(Entry::adaptive(format!("{} {value}", args.field), config));
    }
    let seeds = common::seeds(args.seed, args.seeds);
    let counter = Counter::new(Table::size(&scenarios, &entries, false, &seeds));
    let table = Table::run(&scenarios, &entries, false, &seeds, common::threads(), &|done| counter.at(done))?;
    println!("{}, {} seeds from {}\n", args.set, seeds.len(), args.seed);
    println!("{:<32}{:>7}{:>7}  in", "", "score", "worst");
    for entry in &entries {
        if let Some(row) = table.row(&entry.name) {
            println!("{:<32}{:>7.2}{:>7.1}  {}", row.name, row.score, row.worst, row.worst_in);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The defaults with one field set, in the form of configuration files.
fn with(field: &str, value: f64) -> anyhow::Result<AdaptiveConfig> {
    let mut config = serde_json::to_value(AdaptiveConfig::default())?;
    let fields = config.as_object_mut().context("a configuration is a table")?;
    let names = fields.keys().cloned().collect::<Vec<_>>().join(", ");
    let old = fields
        .get_mut(field)
        .with_context(|| format!("no field {field:?} in the preset `adaptive`, which has {names}"))?;
    *old = if old.is_u64() { serde_json::json!(value as u64) } else { serde_json::json!(value) };
    Ok(serde_json::from_value(config)?)
}
