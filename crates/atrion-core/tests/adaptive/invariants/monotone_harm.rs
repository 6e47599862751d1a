// SPDX-License-Identifier: Apache-2.0
//! **Monotone harm**: at fixed L0, N*, k, eta and eps, worse telemetry (any component) never lowers R
//! in that tick.
//!
//! N* is held by a floor far above all traffic, and where fewer answers take it down all the same,
//! what R owes to it is left out, as is what it owes to a k that falls because the tiers need the
//! whole ladder; L0 by an SLO (patience then comes from the SLO alone), eta by
//! switching effectiveness off (blame 1) or debt's evidence away (blame 0).

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Laws, Window};
use proptest::prelude::*;

use crate::support::given::{measured, tick};

/// One component made worse by `by`.
fn worse(window: &Window, component: usize, by: u64) -> Window {
    let mut worse = *window;
    match component {
        0 => worse.failed += by,
        1 => {
            let turned = by.min(worse.succeeded);
            (worse.succeeded, worse.failed) = (worse.succeeded - turned, worse.failed + turned);
        }
        2 => {
            let turned = by.min(worse.succeeded);
            (worse.succeeded, worse.late) = (worse.succeeded - turned, worse.late + turned);
        }
        3 => worse.latency_sum *= 1.0 + by as f64,
        4 => worse.mean_in_flight += by as f64,
        5 => worse.since_completion += by as f64,
        6 => worse.mean_age += by as f64,
        _ => worse.debt += by as f64,
    }
    worse
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn monotone_harm(
        history in prop::collection::vec(measured(), 11..40),
        window in measured(),
        component in 0usize..8,
        by in 1u64..100,
        target in 4.0..200.0f64,
        blamed in any::<bool>(),
        momentum_factor in 0.0..10.0f64,
        occupied in 0.0..500.0f64,
    ) {
        let config = AdaptiveConfig {
            slo: Some(Duration::from_millis(500)),
            momentum_factor,
            // Saturation by n is tested below, on the law; here it would move N* through
            // throughput.
            min_target: 1e6,
            laws: Laws { effectiveness: !blamed, ..Laws::default() },
            ..AdaptiveConfig::default()
        };
        let mut before = AdaptiveState::default();
        for window in history {
            before = before.step(&tick(&config), &window, &config);
        }
        let better = before.step(&tick(&config), &window, &config);
        let worse = before.step(&tick(&config), &worse(&window, component, by), &config);
        // Effectiveness that is on must not have moved: the promise is at fixed eta.
        prop_assume!(blamed || better.effectiveness() == worse.effectiveness());
        let held = better.target() == worse.target();
        let rest = |state: &AdaptiveState| {
            let terms = state.terms(None, &config);
            terms.at_rest() - if held { 0.0 } else { terms.momentum.get() }
        };
        prop_assert!(rest(&better) <= rest(&worse) + 1e-9, "{} then {}", rest(&better), rest(&worse));
        // And at the gate, where n and D are read live: more of either is more resistance.
        let at_rest = |state| atrion_core::Ohms::saturating(rest(state));
        let law = atrion_core::Law { target, rest: at_rest(&better), ..better.law(None, &config) };
        let gain = if held { worse.law(None, &config).gain.max(law.gain) } else { law.gain };
        let later = atrion_core::Law { gain, rest: at_rest(&worse), ..law };
        let crowd = if component == 4 || component == 7 { by as f64 } else { 0.0 };
        prop_assert!(
            law.resistance(occupied).get() <= later.resistance(occupied + crowd).get() + 1e-9
        );
    }
}
