// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask replay-oracle FILE...`: replays the recordings of independent implementations with
//! the core.
//!
//! A file holds `sequences` of ticks and single `normalize` cases of the preset `rfc`, or `cases`
//! of a fleet's merge. Unknown fields are ignored; a missing field is an error that names it.

mod blend;
mod cursor;
mod physics;
mod tally;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use cursor::Cursor;
use tally::Tally;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recordings in JSON: `sequences` and `normalize`, or `cases`.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Replays every file, also after one that cannot be read, and exits 1 unless all of them agree.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut agree = true;
    for (i, file) in args.files.iter().enumerate() {
        if i > 0 {
            println!();
        }
        match load(file).and_then(|recording| replay(&recording)) {
            Ok(tally) => {
                println!("{}\n\n{tally}", file.display());
                agree &= tally.agrees();
            }
            Err(error) => {
                eprintln!("error: cannot replay {}: {error:#}", file.display());
                agree = false;
            }
        }
    }
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file)?;
    serde_json::from_str(&text).context("not JSON")
}

fn replay(recording: &Value) -> anyhow::Result<Tally> {
    let root = Cursor::root(recording);
    let mut tally = Tally::default();
    for sequence in root.optional_list("sequences")? {
        physics::replay(&sequence, &mut tally)?;
    }
    for case in root.optional_list("normalize")? {
        physics::normalise(&case, &mut tally)?;
    }
    for case in root.optional_list("cases")? {
        blend::replay(&case, &mut tally)?;
    }
    // An empty file must not look like agreement.
    anyhow::ensure!(
        !tally.is_empty(),
        "nothing to replay: expected `sequences` with ticks, `normalize` or `cases`"
    );
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn recording(name: &str) -> Value {
        let data = crate::process::root().join("crates/atrion-core/tests/data");
        load(&data.join(name)).unwrap()
    }

    /// A replay that disagrees in `row`, and its place.
    fn disagreement(recording: &Value, row: &str) -> String {
        let tally = replay(recording).unwrap();
        assert!(!tally.agrees(), "{tally}");
        tally.to_string().lines().find(|line| line.starts_with(row)).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_recordings_of_the_repository_agree() {
        for name in ["physics-v1.json", "blend-v1.json"] {
            let tally = replay(&recording(name)).unwrap();
            assert!(tally.agrees(), "{name}\n{tally}");
        }
    }

    #[test]
    fn the_table_fits_into_eighty_columns() {
        for name in ["physics-v1.json", "blend-v1.json"] {
            let table = replay(&recording(name)).unwrap().to_string();
            assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        }
    }

    #[test]
    fn a_nudge_past_the_bound_is_found_and_located() {
        let mut nudged = recording("physics-v1.json");
        let scar = &mut nudged["sequences"][4]["ticks"][77]["scar"];
        *scar = json!(scar.as_f64().unwrap() * (1.0 + 3e-9) + 3e-12);
        let row = disagreement(&nudged, "scar");
        assert!(row.contains("sequences[4].ticks[77]"), "{row}");

        let mut within = recording("physics-v1.json");
        let scar = &mut within["sequences"][4]["ticks"][77]["scar"];
        *scar = json!(scar.as_f64().unwrap() * (1.0 + 3e-10));
        assert!(replay(&within).unwrap().agrees());
    }

    #[test]
    fn another_mode_or_verdict_is_a_difference() {
        for (field, other) in [("mode", json!("BOOTSTRAP")), ("flow", json!("REJECT"))] {
            let mut changed = recording("physics-v1.json");
            changed["sequences"][0]["ticks"][30][field] = other;
            let row = disagreement(&changed, field);
            assert!(row.contains("sequences[0].ticks[30]"), "{row}");
        }
    }

    #[test]
    fn a_changed_merge_is_a_difference() {
        let mut changed = recording("blend-v1.json");
        changed["cases"][2]["expected"] = json!(45.0);
        assert!(disagreement(&changed, "merged scar").contains("cases[2]"));
    }

    #[test]
    fn only_the_differences_of_times_count() {
        let mut epoch = recording("physics-v1.json");
        for sequence in epoch["sequences"].as_array_mut().unwrap() {
            let later = |time: &mut Value| *time = json!(time.as_u64().unwrap() + 1_767_960_000_123);
            later(&mut sequence["start_ms"]);
            sequence["ticks"].as_array_mut().unwrap().iter_mut().for_each(|tick| later(&mut tick["t_ms"]));
        }
        assert!(replay(&epoch).unwrap().agrees());
    }

    #[test]
    fn equal_timestamps_have_no_momentum_and_heal_nothing() {
        let mut sequence = recording("physics-v1.json")["sequences"][3].clone();
        let mut twin = sequence["ticks"][40].clone();
        twin["momentum_per_ms"] = json!(0.0);
        sequence["ticks"].as_array_mut().unwrap().truncate(41);
        // The same instant and the same pressure again: R is the base, the pressure and the scar.
        let number = |value: &Value| value.as_f64().unwrap();
        let trauma = {
            let strain = |i: usize| number(&twin["pressure"][i]).max(0.0).powi(2);
            let strained =
                (0..3).map(strain).sum::<f64>().sqrt() > number(&sequence["config"]["criticalPressure"]);
            if strained { number(&sequence["config"]["scarFactor"]) } else { 0.0 }
        };
        let scar = number(&twin["scar"]) + trauma;
        let weighed: f64 =
            (0..3).map(|i| number(&twin["pressure"][i]) * number(&sequence["weights"][i])).sum();
        let base = number(&sequence["config"]["baseResistance"]);
        let resistance = (base + weighed + scar).max(base);
        (twin["scar"], twin["resistance"]) = (json!(scar), json!(resistance));
        assert_eq!(twin["mode"], "OPERATIONAL");
        twin["flow"] = json!(if number(&twin["voltage"]) > resistance { "PASS" } else { "REJECT" });
        sequence["ticks"].as_array_mut().unwrap().push(twin);
        let tally = replay(&json!({ "sequences": [sequence] })).unwrap();
        assert!(tally.agrees(), "{tally}");
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_named_with_its_path() {
        type Break = fn(&mut Value);
        let cases: [(Break, &str); 6] = [
            (
                |file| drop(file["sequences"][1]["ticks"][5].as_object_mut().unwrap().remove("t_ms")),
                "$.sequences[1].ticks[5].t_ms: missing",
            ),
            (
                |file| drop(file["sequences"][2]["tuner"].as_object_mut().unwrap().remove("minFloor")),
                "$.sequences[2].tuner.minFloor: missing",
            ),
            (
                |file| file["sequences"][0]["config"]["bootstrapTicks"] = json!(2.5),
                "$.sequences[0].config.bootstrapTicks: must be a whole number from 0 to 4294967295, got 2.5",
            ),
            (
                |file| file["sequences"][0]["ticks"][9]["mode"] = json!("BROKEN"),
                "$.sequences[0].ticks[9].mode: must be BOOTSTRAP, OPERATIONAL or CIRCUIT_BREAKER, got \"BROKEN\"",
            ),
            (
                |file| file["sequences"][0]["weights"] = json!([1, 2]),
                "$.sequences[0].weights: must be a list of 3, got 2",
            ),
            (
                |file| file["normalize"][7]["raw"] = json!(null),
                "$.normalize[7].raw: must be a number, got null",
            ),
        ];
        for (damage, message) in cases {
            let mut file = recording("physics-v1.json");
            damage(&mut file);
            assert_eq!(replay(&file).unwrap_err().to_string(), message);
        }
        let mut fleet = recording("blend-v1.json");
        fleet["cases"][3]["gamma"] = json!(1.5);
        assert!(
            replay(&fleet)
                .unwrap_err()
                .to_string()
                .starts_with("$.cases[3].gamma: `gamma` must lie in 0..=1")
        );
    }

    #[test]
    fn unknown_fields_are_passed_over_and_an_empty_file_is_not_agreement() {
        let mut file = recording("physics-v1.json");
        file["sequences"][0]["ticks"][0]["weather"] = json!("mild");
        file["sequences"][0]["config"]["minDeltaT"].take();
        assert!(replay(&file).unwrap().agrees());
        for nothing in [json!({}), json!({ "sequences": [] }), json!({ "cases": [], "note": "" })] {
            assert!(replay(&nothing).unwrap_err().to_string().starts_with("nothing to replay"));
        }
        assert_eq!(replay(&json!([])).unwrap_err().to_string(), "$: must be an object, got a list");
    }
}
