// SPDX-License-Identifier: Apache-2.0
//! **Retry-After is true**: while OPERATIONAL, with no new trauma and an idle route, V passes after
//! t = max(0, ln(S/(V - R_base))/lambda) + 1 s (clamped to [0.1 s, 60 s], jittered by the shell);
//! in every other state it is a fixed hint of 1 s.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Ohms, Tick, Volts, Window, retry_after};
use proptest::prelude::*;

use crate::support::given::{after, failing, settled, silence};

/// The state after `span` of silence, in ticks of 100 ms and what is left.
fn idle(mut state: AdaptiveState, mut span: Duration, config: &AdaptiveConfig) -> AdaptiveState {
    while !span.is_zero() {
        let elapsed = span.min(Duration::from_millis(100));
        let window = Window { debt: state.debt(), ..silence() };
        state = state.step(&Tick::new(elapsed, config), &window, config);
        span -= elapsed;
    }
    state
}

fn hint(state: &AdaptiveState, volts: Volts, config: &AdaptiveConfig) -> Duration {
    retry_after(state.mode(), volts, state.scar(), Ohms::saturating(config.base), config.scar_decay)
}

proptest! {
    #[test]
    fn retry_after_is_true(
        ticks in 0usize..60,
        failed in 0u64..=10,
        decay in prop::sample::select(vec![0.2, 0.5, 2.0]),
        effectiveness in any::<bool>(),
        volts in 10.5..120.0f64,
    ) {
        let mut config = AdaptiveConfig { scar_decay: decay, ..AdaptiveConfig::default() };
        config.laws.effectiveness = effectiveness;
        let state = after(settled(&config), ticks, &failing(100.0, 0.1, failed), &config);
        prop_assert_eq!(state.mode(), Mode::Operational);
        let volts = Volts::saturating(volts);
        let hint = hint(&state, volts, &config);
        prop_assert!(hint >= Duration::from_secs(1) && hint <= Duration::from_secs(60));
        let later = idle(state, hint, &config);
        prop_assume!(hint < Duration::from_secs(60));
        prop_assert!(later.law(None, &config).admits(volts, later.debt()), "{volts} after {hint:?}: {later:?}");
    }

    /// Never longer than a second more than it takes.
    #[test]
    fn retry_after_is_not_lazy(scar in 1.0..60.0f64, volts in 10.5..60.0f64) {
        let config = AdaptiveConfig::default();
        let state = AdaptiveState::restored(Ohms::saturating(scar), Mode::Operational, &config);
        let volts = Volts::saturating(volts);
        let wait = hint(&state, volts, &config).saturating_sub(Duration::from_millis(1_001));
        let too_early = idle(state, wait, &config);
        prop_assert!(wait.is_zero() || !too_early.law(None, &config).admits(volts, 0.0));
    }

    #[test]
    fn in_every_other_state_it_is_a_fixed_hint(scar in 0.0..90.0f64, volts in 0.0..120.0f64) {
        let hint = |mode, volts: f64| {
            retry_after(mode, Volts::saturating(volts), Ohms::saturating(scar), Ohms::saturating(10.0), 0.5)
        };
        prop_assert_eq!(hint(Mode::Bootstrap, volts), Duration::from_secs(1));
        prop_assert_eq!(hint(Mode::CircuitBreaker, volts), Duration::from_secs(1));
        prop_assert_eq!(hint(Mode::Operational, volts.min(10.0)), Duration::from_secs(1));
    }
}

#[test]
fn it_is_bounded() {
    let hint = |scar, decay| {
        retry_after(
            Mode::Operational,
            Volts::saturating(10.1),
            Ohms::saturating(scar),
            Ohms::saturating(10.0),
            decay,
        )
    };
    assert_eq!(hint(60.0, 1e-3), Duration::from_secs(60));
    assert_eq!(hint(60.0, 0.0), Duration::from_secs(1));
    assert_eq!(hint(f64::MAX, 0.5), Duration::from_secs(60));
}
