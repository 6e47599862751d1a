// SPDX-License-Identifier: Apache-2.0
//! proptest strategies for what crosses the ports.
//!
//! `x()` generates valid values, extremes included; `hostile_x()` values that a border must refuse
//! or neutralise.

use std::time::Duration;

use atrion_core::{Mode, Ohms, Telemetry, Tier, Wall};
use atrion_state::{DecayRate, MomentumRate, PhysicsVector, RouteId, Weight};
use proptest::prelude::*;
use proptest::sample::select;

/// Any of the three modes.
pub fn modes() -> impl Strategy<Value = Mode> {
    select(&Mode::ALL[..])
}

/// Any of the five tiers.
pub fn tiers() -> impl Strategy<Value = Tier> {
    select(&Tier::ALL[..])
}

/// Any valid number of ohms: mostly what routes have, sometimes an extreme.
pub fn ohms() -> impl Strategy<Value = Ohms> {
    prop_oneof![
        8 => 0.0..200.0f64,
        1 => Just(0.0),
        1 => select(&[f64::MIN_POSITIVE, 1e-12, 1e12, f64::MAX][..]),
    ]
    .prop_map(Ohms::saturating)
}

/// Any valid vector.
pub fn vectors() -> impl Strategy<Value = PhysicsVector> {
    let millis = prop_oneof![8 => 0..600_000u64, 1 => Just(0), 1 => Just(u64::from(u32::MAX))];
    (modes(), ohms(), ohms(), 0.0..20.0f64, any::<u8>(), 0.0..=10.0f64, millis, any::<u32>()).prop_map(
        |(mode, resistance, scar, momentum, weight, decay, age, wall)| {
            PhysicsVector::new(mode, resistance, scar)
                .with_momentum(MomentumRate::saturating(momentum))
                .with_weight(Weight::from_255ths(weight))
                .with_decay_rate(DecayRate::saturating(decay))
                .with_age(Duration::from_millis(age))
                .with_timestamp(Wall::from_millis(u64::from(wall)))
        },
    )
}

/// Any valid measurement.
pub fn telemetry() -> impl Strategy<Value = Telemetry> {
    (0.0..30.0f64, 0.0..=1.0f64, 0.0..4.0f64).prop_map(|(latency, error_rate, saturation)| Telemetry {
        latency,
        error_rate,
        saturation,
    })
}

/// A measurement of which at least one component is not finite or out of range.
pub fn hostile_telemetry() -> impl Strategy<Value = Telemetry> {
    let bad = select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-9, -1.0, f64::MIN][..]);
    (telemetry(), bad, 0..3usize).prop_map(|(good, bad, component)| match component {
        0 => Telemetry { latency: bad, ..good },
        1 => Telemetry { error_rate: bad, ..good },
        _ => Telemetry { saturation: bad, ..good },
    })
}

/// Any valid route name: paths, all scripts, quotes and wildcards, up to 256 bytes.
pub fn route_ids() -> impl Strategy<Value = RouteId> {
    prop_oneof![
        4 => "[a-z]{1,8}(/[a-z0-9{}:*._-]{1,12}){0,4}",
        2 => "\\PC{1,40}",
        1 => "[ -~]{1,256}",
    ]
    .prop_filter_map("a name within 256 bytes without control characters", |name| RouteId::new(&name).ok())
}

/// A name that no route may have: empty, too long, or with a control character.
pub fn hostile_route_names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        (257..12_000usize).prop_map(|length| "x".repeat(length)),
        ("[a-z]{0,10}", select(&['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}'][..]), "[a-z]{0,10}")
            .prop_map(|(before, control, after)| format!("{before}{control}{after}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn hostile_telemetry_is_always_refused(telemetry in hostile_telemetry()) {
            prop_assert!(telemetry.check().is_err());
        }

        #[test]
        fn good_telemetry_is_always_taken(telemetry in telemetry()) {
            prop_assert!(telemetry.check().is_ok());
        }

        #[test]
        fn hostile_names_are_always_refused(name in hostile_route_names()) {
            prop_assert!(RouteId::new(&name).is_err());
        }

        #[test]
        fn a_vector_never_has_a_larger_scar_for_its_age(vector in vectors()) {
            prop_assert!(vector.aged_scar() <= vector.scar_tissue);
            prop_assert!(vector.older_by(Duration::from_secs(1)).aged_scar() <= vector.aged_scar());
        }
    }
}
