// SPDX-License-Identifier: Apache-2.0
//! The scenarios of this crate: the files of `scenarios/`, compiled in, so that a published crate
//! has them, too.

use super::{Scenario, ScenarioError};

pub(super) fn named() -> Result<Vec<Scenario>, ScenarioError> {
    NAMED.iter().map(|text| Scenario::parse(text)).collect()
}

pub(super) fn heldout() -> Result<Vec<Scenario>, ScenarioError> {
    HELDOUT.iter().map(|text| Scenario::parse(text)).collect()
}

pub(super) fn routes() -> Result<Vec<Scenario>, ScenarioError> {
    ROUTES.iter().map(|text| Scenario::parse(text)).collect()
}

pub(super) fn callers() -> Result<Vec<Scenario>, ScenarioError> {
    CALLERS.iter().map(|text| Scenario::parse(text)).collect()
}

const CALLERS: &[&str] = &[include_str!("../../scenarios/callers/scaled-out.toml")];

const ROUTES: &[&str] = &[
    include_str!("../../scenarios/routes/heavy-overload.toml"),
    include_str!("../../scenarios/routes/heavy-steady.toml"),
    include_str!("../../scenarios/routes/own-pool.toml"),
    include_str!("../../scenarios/routes/sick-fails.toml"),
    include_str!("../../scenarios/routes/sick-half.toml"),
    include_str!("../../scenarios/routes/sick-half-some.toml"),
    include_str!("../../scenarios/routes/sick-holds-workers.toml"),
    include_str!("../../scenarios/routes/sick-in-overload.toml"),
    include_str!("../../scenarios/routes/sick-most.toml"),
    include_str!("../../scenarios/routes/sick-slow.toml"),
    include_str!("../../scenarios/routes/sick-some.toml"),
    include_str!("../../scenarios/routes/sick-times-out.toml"),
    include_str!("../../scenarios/routes/sick-two-of-ten.toml"),
];

const NAMED: &[&str] = &[
    include_str!("../../scenarios/named/bounded-long.toml"),
    include_str!("../../scenarios/named/bounded-none.toml"),
    include_str!("../../scenarios/named/bounded-short.toml"),
    include_str!("../../scenarios/named/brown-out-small.toml"),
    include_str!("../../scenarios/named/brown-out.toml"),
    include_str!("../../scenarios/named/bulk-flood.toml"),
    include_str!("../../scenarios/named/bursts.toml"),
    include_str!("../../scenarios/named/caller-hang.toml"),
    include_str!("../../scenarios/named/caller-overload.toml"),
    include_str!("../../scenarios/named/capacity-loss.toml"),
    include_str!("../../scenarios/named/cold-start.toml"),
    include_str!("../../scenarios/named/costly-refusals.toml"),
    include_str!("../../scenarios/named/day.toml"),
    include_str!("../../scenarios/named/errors-10.toml"),
    include_str!("../../scenarios/named/errors-30.toml"),
    include_str!("../../scenarios/named/errors-and-load.toml"),
    include_str!("../../scenarios/named/five-minutes.toml"),
    include_str!("../../scenarios/named/flapping.toml"),
    include_str!("../../scenarios/named/flash-crowd.toml"),
    include_str!("../../scenarios/named/gc-pauses.toml"),
    include_str!("../../scenarios/named/gray-slow.toml"),
    include_str!("../../scenarios/named/hang-some.toml"),
    include_str!("../../scenarios/named/heavy-tail.toml"),
    include_str!("../../scenarios/named/metastable.toml"),
    include_str!("../../scenarios/named/microservice.toml"),
    include_str!("../../scenarios/named/mostly-critical.toml"),
    include_str!("../../scenarios/named/one-tier.toml"),
    include_str!("../../scenarios/named/oscillation.toml"),
    include_str!("../../scenarios/named/outage-fast.toml"),
    include_str!("../../scenarios/named/outage-hang.toml"),
    include_str!("../../scenarios/named/overload-1-3x.toml"),
    include_str!("../../scenarios/named/overload-2x.toml"),
    include_str!("../../scenarios/named/overload-4x.toml"),
    include_str!("../../scenarios/named/overload-8x.toml"),
    include_str!("../../scenarios/named/quiet-slow.toml"),
    include_str!("../../scenarios/named/ramp.toml"),
    include_str!("../../scenarios/named/restart.toml"),
    include_str!("../../scenarios/named/retry-outage.toml"),
    include_str!("../../scenarios/named/retry-storm.toml"),
    include_str!("../../scenarios/named/shifting-service.toml"),
    include_str!("../../scenarios/named/slow-dependency.toml"),
    include_str!("../../scenarios/named/slower-for-good-wide.toml"),
    include_str!("../../scenarios/named/slower-for-good.toml"),
    include_str!("../../scenarios/named/steady-70.toml"),
    include_str!("../../scenarios/named/steady-85.toml"),
    include_str!("../../scenarios/named/steady-95.toml"),
    include_str!("../../scenarios/named/thrashing.toml"),
    include_str!("../../scenarios/named/throttled-slow.toml"),
    include_str!("../../scenarios/named/throttled.toml"),
    include_str!("../../scenarios/named/tiny-overload.toml"),
    include_str!("../../scenarios/named/tiny-steady.toml"),
    include_str!("../../scenarios/named/two-kinds.toml"),
    include_str!("../../scenarios/named/two-per-second.toml"),
    include_str!("../../scenarios/named/unknown-deadline-gray.toml"),
    include_str!("../../scenarios/named/unknown-deadline.toml"),
];

const HELDOUT: &[&str] = &[
    include_str!("../../scenarios/heldout/bounded-40.toml"),
    include_str!("../../scenarios/heldout/bounded-caller.toml"),
    include_str!("../../scenarios/heldout/bounded-steady-90.toml"),
    include_str!("../../scenarios/heldout/brown-out-deep.toml"),
    include_str!("../../scenarios/heldout/brown-out-five.toml"),
    include_str!("../../scenarios/heldout/bulk-and-low.toml"),
    include_str!("../../scenarios/heldout/capacity-half.toml"),
    include_str!("../../scenarios/heldout/cold-start-1-3x.toml"),
    include_str!("../../scenarios/heldout/critical-flood.toml"),
    include_str!("../../scenarios/heldout/crowd-with-retries.toml"),
    include_str!("../../scenarios/heldout/deploy-faster.toml"),
    include_str!("../../scenarios/heldout/errors-20-slow.toml"),
    include_str!("../../scenarios/heldout/errors-jump.toml"),
    include_str!("../../scenarios/heldout/errors-with-swing.toml"),
    include_str!("../../scenarios/heldout/far-overload.toml"),
    include_str!("../../scenarios/heldout/flapping-slow.toml"),
    include_str!("../../scenarios/heldout/four-minutes.toml"),
    include_str!("../../scenarios/heldout/gray-half.toml"),
    include_str!("../../scenarios/heldout/one-per-second.toml"),
    include_str!("../../scenarios/heldout/outage-caller.toml"),
    include_str!("../../scenarios/heldout/outage-long.toml"),
    include_str!("../../scenarios/heldout/overload-1-6x-small.toml"),
    include_str!("../../scenarios/heldout/overload-3x-wide.toml"),
    include_str!("../../scenarios/heldout/overload-6x-tight.toml"),
    include_str!("../../scenarios/heldout/pauses-long.toml"),
    include_str!("../../scenarios/heldout/slower-for-good-3x.toml"),
    include_str!("../../scenarios/heldout/slower-slowly.toml"),
    include_str!("../../scenarios/heldout/steady-60-tiny.toml"),
    include_str!("../../scenarios/heldout/steady-80-wide.toml"),
    include_str!("../../scenarios/heldout/swing-slow.toml"),
    include_str!("../../scenarios/heldout/thrashing-crowd.toml"),
    include_str!("../../scenarios/heldout/throttled-far.toml"),
    include_str!("../../scenarios/heldout/throttled-third.toml"),
    include_str!("../../scenarios/heldout/tiny-gray.toml"),
    include_str!("../../scenarios/heldout/tiny-three.toml"),
    include_str!("../../scenarios/heldout/unknown-deadline-2x.toml"),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_compiled_in_and_valid_and_named_after_its_scenario() {
        for (folder, set) in [("named", named()), ("heldout", heldout()), ("callers", callers())] {
            let set = set.unwrap_or_else(|error| panic!("{folder}: {error}"));
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(folder);
            let mut files: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            files.sort();
            let mut names: Vec<_> = set.iter().map(|scenario| scenario.name.clone()).collect();
            names.sort();
            assert_eq!(names, files);
        }
    }
}
