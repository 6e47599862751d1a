// SPDX-License-Identifier: Apache-2.0
//! The law of the application's own signals: its curve, and the loop that it closes.
#![allow(clippy::float_cmp, clippy::unwrap_used)] // exactness is what is tested; the inputs are valid by construction

use atrion_core::{SignalCurve, SignalCurveError, SignalPressure, Tier};
use proptest::prelude::*;

const TICK: f64 = 0.1;

fn ohms(pressure: f64) -> f64 {
    10.0 + 90.0 * pressure
}

#[test]
fn at_the_edge_critical_requests_alone_pass_with_the_usual_numbers() {
    let at_edge = ohms(SignalCurve::new(0.8, 1.0).unwrap().pressure(1.0));
    assert!((at_edge - Tier::Critical.band().0).abs() < 1e-9, "{at_edge}");
}

#[test]
fn what_makes_no_curve_is_refused_by_name() {
    assert_eq!(SignalCurve::new(-1.0, 1.0), Err(SignalCurveError::Target(-1.0)));
    assert!(matches!(SignalCurve::new(f64::NAN, 1.0), Err(SignalCurveError::Target(_))));
    for edge in [0.8, 0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(SignalCurve::new(0.8, edge), Err(SignalCurveError::Edge { .. })), "{edge}");
    }
}

proptest! {
    #[test]
    fn a_curve_is_nothing_up_to_its_target_rises_and_stays_a_part(
        target in 0.0..1e6f64,
        width in 1e-3..1e6f64,
        one in any::<f64>(),
        other in any::<f64>(),
    ) {
        let curve = SignalCurve::new(target, target + width).unwrap();
        let (low, high) = (one.min(other), one.max(other));
        let pressure = |reading| curve.pressure(reading);
        prop_assert!((0.0..=1.0).contains(&pressure(one)));
        prop_assert!(one > target || pressure(one) == 0.0);
        prop_assert!(!low.is_finite() || !high.is_finite() || pressure(low) <= pressure(high));
    }

    #[test]
    fn a_pressure_follows_and_never_goes_beyond_what_is_asked(
        start in 0.0..=1.0f64,
        wanted in 0.0..=1.0f64,
        seconds in 0.0..100.0f64,
    ) {
        let before = SignalPressure::default().step(1e9, start);
        let after = before.step(seconds, wanted).get();
        prop_assert!(after >= before.get().min(wanted) - 1e-12 && after <= before.get().max(wanted) + 1e-12);
    }
}

#[test]
fn a_signal_that_is_over_is_over_for_good() {
    let mut pressure = SignalPressure::default().step(1e9, 1.0);
    for _ in 0..100 {
        pressure = pressure.step(TICK, 0.0);
    }
    assert_eq!(pressure.get(), 0.0);
}

/// The part of the demand that a resistance lets through: a fifth of it in each tier, spread over
/// the bands.
fn passing(resistance: f64) -> f64 {
    let part = |(lo, hi): (f64, f64)| ((hi - resistance) / (hi - lo)).clamp(0.0, 1.0);
    Tier::ALL.iter().map(|tier| part(tier.band())).sum::<f64>() / 5.0
}

/// A pool whose use follows what is admitted within a tick: the gauge for which a gate that moves
/// once a tick is worst. It must neither swing nor leave the pool empty, at any demand.
#[test]
fn a_gauge_that_answers_within_a_tick_does_not_swing() {
    for demand in [1.1, 1.5, 2.0, 3.0, 5.0] {
        let curve = SignalCurve::new(0.8, 1.0).unwrap();
        let (mut pressure, mut seen) = (SignalPressure::default(), Vec::new());
        for tick in 0..300 {
            let used = demand * passing(ohms(pressure.get()));
            pressure = pressure.step(TICK, curve.pressure(used));
            if tick >= 50 {
                seen.push(used);
            }
        }
        let (least, most) = seen.iter().fold((f64::MAX, 0.0f64), |(l, m), used| (l.min(*used), m.max(*used)));
        assert!(least > 0.78 && most - least < 0.02, "{demand}: {least} to {most}");
    }
}

/// A queue that grows as long as more is admitted than is worked off.
#[test]
fn a_gauge_that_piles_up_settles_between_its_target_and_its_edge() {
    for demand in [1.1, 1.5, 2.0, 3.0] {
        let curve = SignalCurve::new(100.0, 1_000.0).unwrap();
        let (mut pressure, mut queue) = (SignalPressure::default(), 0.0f64);
        for _ in 0..600 {
            let admitted = demand * passing(ohms(pressure.get()));
            queue = (queue + (admitted - 1.0) * 1_000.0 * TICK).max(0.0);
            pressure = pressure.step(TICK, curve.pressure(queue));
        }
        assert!((100.0..1_000.0).contains(&queue), "{demand}: {queue}");
        assert!((demand * passing(ohms(pressure.get())) - 1.0).abs() < 0.02, "{demand}: it does not settle");
    }
}
