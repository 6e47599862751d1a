// SPDX-License-Identifier: Apache-2.0
//! Measurements that callers make themselves.

use atrion_core::{Mode, Telemetry, Tier};
use atrion_testkit::generate::{hostile_telemetry, telemetry};
use proptest::prelude::*;

use crate::world::{World, ms};

const FINE: Telemetry = Telemetry { latency: 0.02, error_rate: 0.0, saturation: 0.3 };

#[test]
fn errors_that_a_caller_has_seen_leave_a_scar_and_heal() {
    let world = World::default();
    let route = world.learned("r");
    for _ in 0..20 {
        world.clock.advance(ms(100));
        world.engine.update_physics("r", Telemetry { error_rate: 1.0, ..FINE }).unwrap();
    }
    let hurt = route.snapshot();
    assert!(hurt.terms.scar.get() > 20.0 && hurt.error_share > 0.9, "{hurt:?}");
    assert_eq!(hurt.mode, Mode::Operational, "errors alone must not open the breaker");
    world.ticks(200);
    assert!(route.resistance().get() < 10.5, "{:?}", route.snapshot());
}

#[test]
fn saturation_that_a_caller_reports_closes_the_gate_for_three_seconds() {
    let world = World::default();
    let route = world.learned("r");
    let seen = world.engine.update_physics("r", Telemetry { saturation: 1.1, ..FINE }).unwrap();
    assert!(seen.resistance.get() > 32.0 && seen.resistance == route.snapshot().resistance, "{seen:?}");
    assert!(route.admit(Tier::Bulk).is_err() && route.admit(Tier::Critical).is_ok());
    world.ticks(29);
    assert!(route.resistance().get() > 32.0);
    world.ticks(1);
    assert_eq!(route.resistance().get(), 10.0);
}

#[test]
fn a_route_can_live_on_reports_alone() {
    let world = World::default();
    for _ in 0..20 {
        world.clock.advance(ms(100));
        world.engine.update_physics("reported", FINE).unwrap();
    }
    let route = world.engine.route("reported");
    assert_eq!(route.mode(), Mode::Operational);
    assert_eq!(route.resistance().get(), 10.0);
}

#[test]
fn reports_between_two_pulses_of_the_same_instant_count_and_break_nothing() {
    let world = World::default();
    let route = world.learned("r");
    for saturation in [0.0, 9.0, 1e300, 0.0] {
        let seen = world.engine.update_physics("r", Telemetry { saturation, ..FINE }).unwrap();
        assert!(seen.resistance.get().is_finite());
        assert_eq!(route.admit(Tier::Bulk).is_ok(), saturation < 1.0, "{seen:?}");
    }
}

proptest! {
    #[test]
    fn bad_telemetry_is_refused_by_name_and_leaves_the_state(
        good in proptest::collection::vec(telemetry(), 0..8),
        bad in hostile_telemetry(),
    ) {
        let world = World::default();
        let route = world.learned("r");
        for report in good {
            world.clock.advance(ms(100));
            world.engine.update_physics("r", report).unwrap();
        }
        let before = (route.snapshot(), world.engine.snapshot());
        let error = world.engine.update_physics("r", bad).unwrap_err().to_string();
        prop_assert!(["`latency`", "`error_rate`", "`saturation`"].iter().any(|field| error.contains(field)));
        // A refused report makes no route for a new name, either.
        world.engine.update_physics("another", bad).unwrap_err();
        prop_assert_eq!(before, (route.snapshot(), world.engine.snapshot()));
    }

    #[test]
    fn whatever_is_reported_resistance_is_finite_and_never_under_its_base(
        reports in proptest::collection::vec((telemetry(), 0..2_000u64), 1..40),
    ) {
        let world = World::default();
        for (report, millis) in reports {
            world.clock.advance(ms(millis));
            let seen = world.engine.update_physics("r", report).unwrap();
            prop_assert!(seen.resistance.get().is_finite() && seen.resistance.get() >= 10.0, "{:?}", seen);
            world.pulse();
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_is_written_in_seconds_with_nought_and_null_for_unknown() {
    use atrion_engine::Override;
    use atrion_state::OverrideKind;
    use serde_json::{Value, json};

    let world = World::default();
    let route = world.engine.route("r");
    let written = |keys: [&str; 4]| {
        let all: Value = serde_json::to_value(route.snapshot()).unwrap();
        Value::from(keys.map(|key| all[key].clone()).to_vec())
    };
    let keys = ["limit", "latency", "baseline", "forced_open"];
    let target = route.snapshot().target;
    assert_eq!(written(keys), json!([target, 0.0, 0.0, null]));

    world.clock.advance(ms(100));
    let known = world.engine.update_physics("r", FINE).unwrap();
    let [latency, baseline] = [known.latency, known.baseline].map(|span| span.unwrap().as_secs_f64());
    assert!(latency > 0.0 && baseline > 0.0, "{known:?}");
    for (kind, open) in [(OverrideKind::ForceOpen, true), (OverrideKind::ForceClosed, false)] {
        let wanted = Override { kind, reason: "a test".to_owned(), time_to_live: ms(1_000) };
        world.engine.overrides().set(&route, wanted).unwrap();
        assert_eq!(written(keys), json!([known.target, latency, baseline, open]));
    }
}
