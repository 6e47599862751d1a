// SPDX-License-Identifier: Apache-2.0
//! **Order of tiers**: whenever a request of voltage V passes (not as a probe), so does at the same
//! instant any of a higher voltage.

use atrion_core::{AdaptiveState, Mode, Ohms, Volts};
use proptest::prelude::*;

use crate::support::given::{anything, configs, hostile, ladder, tick};

proptest! {
    #[test]
    fn order_of_tiers(
        config in configs(),
        history in prop::collection::vec(hostile(), 0..30),
        hearsay in prop::option::of(0.0..100.0f64),
        low in 0.0..120.0f64,
        more in 0.0..120.0f64,
        occupied in anything(),
    ) {
        let mut state = AdaptiveState::restored(Ohms::saturating(more / 2.0), Mode::Operational, &config);
        for window in history {
            state = state.step(&tick(&config), &window, &config);
        }
        let law = state.law(hearsay.map(Ohms::saturating), &config);
        let gate = law.compile();
        let (low, high) = (Volts::saturating(low), Volts::saturating(low + more));
        prop_assert!(!law.admits(low, occupied) || law.admits(high, occupied));
        prop_assert!(gate.slots(low, ladder()) <= gate.slots(high, ladder()));
    }
}
