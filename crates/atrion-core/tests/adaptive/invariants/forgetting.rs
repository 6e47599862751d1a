// SPDX-License-Identifier: Apache-2.0
//! **Forgetting**: without trauma S strictly decreases to 0; decay over dt1 then dt2 equals decay
//! over dt1 + dt2.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Ohms, Tick, Window};
use proptest::prelude::*;

use crate::support::given::{after, failing, healthy, settled, silence};

fn scarred(ohms: f64, config: &AdaptiveConfig) -> AdaptiveState {
    AdaptiveState::restored(Ohms::saturating(ohms), Mode::Operational, config)
}

fn wait(state: AdaptiveState, seconds: f64, config: &AdaptiveConfig) -> AdaptiveState {
    let window = Window { debt: state.debt(), ..silence() };
    state.step(&Tick::new(Duration::from_secs_f64(seconds), config), &window, config)
}

proptest! {
    #[test]
    fn forgetting(ohms in 1.0..60.0f64, decay in 0.05..5.0f64, calm in any::<bool>()) {
        let config = AdaptiveConfig { scar_decay: decay, ..AdaptiveConfig::default() };
        let mut state = scarred(ohms, &config);
        let window = if calm { healthy(100.0, 0.1) } else { silence() };
        let mut ticks = 0;
        while state.scar().get() > 1e-9 {
            let next = after(state, 1, &window, &config);
            prop_assert!(next.scar() < state.scar(), "{} after {}", next.scar(), state.scar());
            state = next;
            ticks += 1;
            prop_assert!(f64::from(ticks) * 0.1 < 30.0 / decay, "the scar stays");
        }
    }

    #[test]
    fn decay_over_two_spans_equals_decay_over_their_sum(
        ohms in 1.0..60.0f64,
        decay in 0.05..5.0f64,
        first in 0.001..20.0f64,
        second in 0.001..20.0f64,
    ) {
        let config = AdaptiveConfig { scar_decay: decay, ..AdaptiveConfig::default() };
        let split = wait(wait(scarred(ohms, &config), first, &config), second, &config);
        let whole = wait(scarred(ohms, &config), first + second, &config);
        let (split, whole) = (split.scar().get(), whole.scar().get());
        // A span is counted in nanoseconds.
        prop_assert!((split - whole).abs() <= 1e-7 * whole, "{split} and {whole}");
    }

    /// Silence does not wound: a route without ticks may be aged in one step.
    #[test]
    fn silence_after_any_errors_only_heals(failed in 0u64..=10, ticks in 1usize..50, silent in 1usize..50) {
        let config = AdaptiveConfig::default();
        let hurt = after(settled(&config), ticks, &failing(100.0, 0.1, failed), &config);
        let looked_at = after(hurt, silent, &silence(), &config);
        let aged = wait(hurt, silent as f64 * 0.1, &config);
        for (one, other) in [
            (looked_at.scar().get(), aged.scar().get()),
            (looked_at.error_share(), aged.error_share()),
            (looked_at.debt(), aged.debt()),
        ] {
            prop_assert!((one - other).abs() <= 1e-9 * (1.0 + one), "{one} and {other}");
        }
        prop_assert!(looked_at.scar() <= hurt.scar());
    }
}
