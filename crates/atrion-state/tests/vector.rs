// SPDX-License-Identifier: Apache-2.0
//! Forgetting, as a reader of a stored vector sees it.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

use std::time::Duration;

use atrion_core::{Mode, Ohms};
use atrion_state::{DecayRate, PhysicsVector};
use proptest::prelude::*;

fn vector(scar: f64, rate: f64, age: Duration) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar))
        .with_decay_rate(DecayRate::saturating(rate))
        .with_age(age)
}

proptest! {
    /// Decay over dt1 then dt2 equals decay over dt1 + dt2.
    #[test]
    fn decay_over_two_spans_is_decay_over_their_sum(scar in 0.0..500.0f64, rate in 0.0..10.0f64, one in 0..10_000u64, other in 0..10_000u64) {
        let (one, other) = (Duration::from_millis(one), Duration::from_millis(other));
        let between = vector(scar, rate, one).aged_scar();
        let stepwise = vector(between.get(), rate, other).aged_scar().get();
        let at_once = vector(scar, rate, one + other).aged_scar().get();
        prop_assert!((stepwise - at_once).abs() <= 1e-9 * at_once.max(1e-3), "{stepwise} and {at_once}");
    }

    /// A scar only fades, and stays a valid number of ohms.
    #[test]
    fn a_scar_only_fades(scar in prop_oneof![0.0..500.0f64, Just(f64::MAX), Just(f64::MIN_POSITIVE)], rate in 0.0..=10.0f64, age: u64) {
        let left = vector(scar, rate, Duration::from_millis(age)).aged_scar();
        prop_assert!(Ohms::new(left.get()).is_ok());
        prop_assert!(left.get() <= scar);
    }
}

#[test]
fn extremes_of_age_are_valid() {
    assert_eq!(vector(f64::MAX, 10.0, Duration::MAX).aged_scar(), Ohms::ZERO);
    assert_eq!(vector(7.0, 0.0, Duration::MAX).aged_scar().get(), 7.0);
    assert_eq!(vector(1.0, 1.0, Duration::MAX).older_by(Duration::MAX).age, Duration::MAX);
}

#[test]
fn neutral_is_a_scar_that_is_gone_and_a_breaker_that_is_shut() {
    assert!(vector(0.009, 0.0, Duration::ZERO).is_neutral());
    assert!(!vector(0.011, 0.0, Duration::ZERO).is_neutral());
    assert!(vector(100.0, 1.0, Duration::from_secs(10)).is_neutral());
    let mut open = vector(0.0, 0.0, Duration::ZERO);
    open.mode = Mode::CircuitBreaker;
    assert!(!open.is_neutral());
}
