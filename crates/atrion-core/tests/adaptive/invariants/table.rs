// SPDX-License-Identifier: Apache-2.0
//! **Table = law**: for every V and n, table admission equals V > R(t, n) up to one voltage bucket.

use atrion_core::{Gate, Law, Ohms, Volts};
use proptest::prelude::*;

use crate::support::given::ladder;

/// Rungs of the ladder over the weight w.
const RUNGS: f64 = 512.0;

fn laws() -> impl Strategy<Value = Law> {
    (0.0..200.0f64, 0.5..500.0f64, 0.1..10.0f64, 1.0..1e5f64).prop_map(|(rest, weight, gain, target)| Law {
        rest: Ohms::saturating(rest),
        weight: Ohms::saturating(weight),
        gain,
        target,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn table_equals_law(law in laws(), volts in 0.0..300.0f64, fill in 0.0..6.0f64) {
        let gate = Gate::from_words(law.compile().to_words());
        let occupied = (law.target * fill).floor();
        let by_table = occupied < f64::from(gate.slots(Volts::saturating(volts), ladder()));
        // A bucket, and the rounding of four bytes.
        let bucket = law.weight.get() / RUNGS + 1e-6 * (volts + law.rest.get());
        let by_law = |volts: f64| law.admits(Volts::saturating(volts), occupied * (1.0 + 1e-6));
        let by_lenient_law = |volts: f64| law.admits(Volts::saturating(volts), occupied * (1.0 - 1e-6));
        prop_assert!(!by_table || by_lenient_law(volts + bucket), "the table lets through what no law would");
        prop_assert!(by_table || !by_law(volts - bucket), "the table refuses what every law would let through");
    }

    /// The exact inverse is the law, without buckets.
    #[test]
    fn slots_invert_the_law(law in laws(), volts in 0.0..300.0f64, fill in 0.0..6.0f64) {
        let (volts, occupied) = (Volts::saturating(volts), law.target * fill);
        let slots = law.slots(volts);
        if (occupied - slots).abs() > 1e-9 * (1.0 + slots) {
            prop_assert_eq!(law.admits(volts, occupied), occupied < slots);
        }
    }

    #[test]
    fn the_explanation_of_a_refusal_is_its_cause(law in laws(), fill in 0.0..6.0f64) {
        let occupied = law.target * fill;
        let (exact, published) = (law.saturation(occupied).get(), law.compile().saturation(occupied).get());
        prop_assert!((exact - published).abs() < 1e-4 * law.weight.get(), "{exact} and {published}");
    }
}

#[test]
fn the_ends_of_the_table_are_exact() {
    let (rest, weight) = (Ohms::saturating(10.0), Ohms::saturating(90.0));
    let law = Law { rest, weight, gain: 1.5, target: 50.0 };
    let gate = law.compile();
    let slots = |volts: f64| gate.slots(Volts::saturating(volts), ladder());
    assert_eq!(slots(0.0), 0.0);
    assert_eq!(slots(10.0), 0.0, "V > R, not V >= R");
    assert!(!law.admits(Volts::saturating(10.0), 0.0), "the law says the same");
    assert!(law.admits(Volts::saturating(10.001), 50.0));
    assert!(slots(10.001) >= 50.0);
    assert!(slots(99.9).is_finite());
    assert_eq!(slots(100.0), f32::INFINITY);
    assert_eq!(slots(f64::MAX), f32::INFINITY);
    // Nothing passes an infinite resistance, not even an infinite voltage.
    let shut = Law { rest: Ohms::saturating(f64::MAX), ..law }.compile();
    assert_eq!(shut.slots(Volts::saturating(f64::MAX), ladder()), 0.0);
}

#[test]
fn without_weight_the_gate_is_literal() {
    let law = Law { rest: Ohms::saturating(30.0), weight: Ohms::ZERO, gain: 1.0, target: 5.0 };
    let gate = law.compile();
    assert_eq!(gate.slots(Volts::saturating(30.0), ladder()), 0.0);
    assert_eq!(gate.slots(Volts::saturating(30.1), ladder()), f32::INFINITY);
}
