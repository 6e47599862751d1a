// SPDX-License-Identifier: Apache-2.0
//! Effectiveness: errors that load does not cause give eta near 0, a full capacity gives eta near 1.

use atrion_core::{AdaptiveConfig, AdaptiveState, Window};

use crate::support::dice::Dice;
use crate::support::given::{after, settled};

/// eta after twenty seconds in which `failed` of each tick's admissions fail.
fn learned(seed: u64, failed: impl Fn(u64, &mut Dice) -> u64) -> AdaptiveState {
    let (config, mut dice) = (AdaptiveConfig::default(), Dice::new(seed));
    (0..200).fold(settled(&config), |state, _| {
        let admitted = dice.poisson(50.0);
        let failed = failed(admitted, &mut dice);
        let window = Window {
            admitted,
            succeeded: admitted - failed,
            failed,
            latency_sum: 0.1 * (admitted - failed) as f64,
            ..Window::default()
        };
        after(state, 1, &window, &config)
    })
}

#[test]
fn thinned_errors_are_not_the_loads_doing() {
    for ratio in [0.05, 0.3, 0.6, 0.9] {
        let mean =
            (0..20).map(|seed| learned(seed, |a, dice| dice.binomial(a, ratio)).effectiveness()).sum::<f64>()
                / 20.0;
        assert!(mean < 0.15, "eta is {mean} at {ratio}");
    }
}

#[test]
fn a_full_capacity_is() {
    for seed in 0..20 {
        let state = learned(seed, |admitted, _| admitted.saturating_sub(40));
        assert!(state.effectiveness() > 0.6, "eta is {}", state.effectiveness());
        assert!(state.debt_gain(&AdaptiveConfig::default()) > 0.99);
    }
}

#[test]
fn without_errors_it_fades() {
    let config = AdaptiveConfig::default();
    let full = learned(1, |admitted, _| admitted.saturating_sub(40));
    let quiet = Window { admitted: 50, succeeded: 50, latency_sum: 5.0, ..Window::default() };
    // The tick after the last error still belongs to it.
    let first = after(full, 1, &quiet, &config).effectiveness();
    let later = after(full, 101, &quiet, &config).effectiveness();
    assert!((later / first - libm::exp(-1.0)).abs() < 1e-9, "{later} of {first} after ten seconds");
}

#[test]
fn one_burst_of_arrivals_does_not_decide() {
    let config = AdaptiveConfig::default();
    // Errors as ever, and once a thousand calls at once, all of which fail: one outlier, cut at two sigma.
    let state = learned(1, |a, dice| dice.binomial(a, 0.1));
    let burst = Window { admitted: 1_000, failed: 1_000, ..Window::default() };
    let after_burst = after(state, 1, &burst, &config);
    assert!(after_burst.effectiveness() < 0.6, "{}", after_burst.effectiveness());
}

#[test]
fn a_tick_without_time_is_no_observation() {
    let config = AdaptiveConfig::default();
    let state = learned(1, |admitted, _| admitted.saturating_sub(40));
    let instant = atrion_core::Tick::new(std::time::Duration::ZERO, &config);
    let window = Window { admitted: 500, failed: 3, debt: state.debt(), ..Window::default() };
    assert_eq!(state.step(&instant, &window, &config).effectiveness(), state.effectiveness());
}
