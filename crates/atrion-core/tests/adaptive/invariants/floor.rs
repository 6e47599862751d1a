// SPDX-License-Identifier: Apache-2.0
//! **Floor**: R >= R_base, finite, for any telemetry, also NaN, infinite or negative (refused or
//! neutralised at the border).

use std::time::Duration;

use atrion_core::{AdaptiveState, Mode, Ohms, Tick, Volts};
use proptest::prelude::*;

use crate::support::given::{anything, configs, hostile, ladder};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn floor(
        config in configs(),
        history in prop::collection::vec((hostile(), any::<u32>(), 0u8..8), 1..60),
        hearsay in prop::option::of(anything()),
        occupied in anything(),
        volts in anything(),
    ) {
        let mut state = AdaptiveState::default();
        let merged = hearsay.map(Ohms::saturating);
        let volts = Volts::saturating(volts);
        for (window, micros, event) in history {
            let tick = Tick::new(Duration::from_micros(u64::from(micros)), &config);
            state = state.step(&tick, &window, &config);
            if event == 0 {
                state = state.opened_dead(&config);
            } else if event == 1 && state.mode() == Mode::CircuitBreaker {
                state = state.closed();
            }
            let own = state.resistance_at_rest(&config).get();
            prop_assert!(own.is_finite() && own >= config.base, "{own} at rest in {state:?}");
            let law = state.law(merged, &config);
            // An SLO can ask for less than the least target, but never for less than one.
            let least = if config.slo.is_some() { 1.0 } else { config.min_target };
            prop_assert!(law.target.is_finite() && law.target >= least, "{} of {least}", law.target);
            for resistance in [law.resistance(occupied), law.resistance(f64::INFINITY), law.resistance(0.0)] {
                prop_assert!(resistance.get().is_finite() && resistance.get() >= config.base);
            }
            prop_assert!(state.terms(merged, &config).at_rest() >= config.base);
            let slots = law.compile().slots(volts, ladder());
            prop_assert!(slots >= 0.0, "{slots} slots for {volts}");
        }
    }

    /// No state that is kept between ticks can be poisoned: after any hostile input, health is
    /// measured as health.
    #[test]
    fn hostile_input_leaves_no_trace_that_does_not_heal(
        config in configs(),
        history in prop::collection::vec(hostile(), 1..60),
    ) {
        use crate::support::given::{after, healthy, tick};
        let mut state = AdaptiveState::default();
        for window in history {
            state = state.step(&tick(&config), &window, &config);
        }
        if state.mode() == Mode::CircuitBreaker {
            state = state.closed();
        }
        let state = after(state, 1_000, &healthy(100.0, 0.1), &config);
        for number in [state.target(), state.throughput(), state.baseline().unwrap_or(0.0), state.latency().unwrap_or(0.0),
            state.error_share(), state.effectiveness(), state.elasticity(), state.momentum(), state.debt()]
        {
            prop_assert!(number.is_finite(), "{state:?}");
        }
        prop_assert!(state.error_share() < 1e-6 && state.momentum() < 0.1, "{state:?}");
    }
}
