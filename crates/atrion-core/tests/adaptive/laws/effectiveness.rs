// SPDX-License-Identifier: Apache-2.0
//! Effectiveness: errors that load does not cause give eta near 0, a full capacity gives eta near
//! 1.

use atrion_core::adaptive::Failures;
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
fn thinned_errors_are_not_caused_by_load() {
    for ratio in [0.05, 0.3, 0.6, 0.9] {
        let mean =
            (0..20).map(|seed| learned(seed, |a, dice| dice.binomial(a, ratio)).effectiveness()).sum::<f64>()
                / 20.0;
        assert!(mean < 0.15, "eta is {mean} at {ratio}");
    }
}

#[test]
fn errors_of_a_full_capacity_are_caused_by_load() {
    for seed in 0..20 {
        let state = learned(seed, |admitted, _| admitted.saturating_sub(40));
        assert!(state.effectiveness() > 0.6, "eta is {}", state.effectiveness());
        assert!(state.debt_gain(&AdaptiveConfig::default()) > 0.99);
    }
}

/// eta of a full capacity that refuses `delay` seconds after the admission, in a later tick.
fn refused_after(delay: f64) -> f64 {
    let (config, mut dice) = (AdaptiveConfig::default(), Dice::new(3));
    let ticks = (delay * 10.0).round() as usize;
    let slow = Window { admitted: 50, succeeded: 50, latency_sum: 25.0, ..Window::default() };
    let mut refused = std::collections::VecDeque::from(vec![0; ticks]);
    (0..300)
        .fold(after(AdaptiveState::default(), 200, &slow, &config), |state, _| {
            let admitted = dice.poisson(50.0);
            refused.push_back(admitted.saturating_sub(40));
            let failed = refused.pop_front().unwrap();
            let failures = Failures { held: delay * failed as f64, ..Failures::default() };
            after(state, 1, &Window { admitted, failed, failures, ..slow }, &config)
        })
        .effectiveness()
}

#[test]
fn a_slow_refusal_belongs_to_the_admissions_of_its_own_tick() {
    for delay in [0.0, 0.3, 0.7] {
        assert!(refused_after(delay) > 0.5, "eta is {} after {delay} s", refused_after(delay));
    }
    // A failure that takes twice as long as an answer is no refusal any more: it hung.
    assert!(refused_after(1.1) < 0.2, "{}", refused_after(1.1));
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
    // The usual errors, and once a thousand calls at once, all of which fail: one outlier, cut at
    // two sigma.
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

/// The regression in its slow and obvious form: every past tick with its weight of now.
#[test]
fn it_equals_the_plain_regression() {
    let config = AdaptiveConfig::default();
    let mut dice = Dice::new(11);
    let mut state = AdaptiveState::default();
    let mut ticks = vec![(0.0, 0.0)];
    for step in 0..300 {
        let admitted = dice.poisson(30.0);
        // Overload comes and goes, and so do errors.
        let failed = if step % 60 < 40 {
            admitted.saturating_sub(30) + dice.binomial(admitted.min(30), 0.1)
        } else {
            0
        };
        ticks.push((admitted as f64, failed as f64));
        state = after(state, 1, &Window { admitted, failed, ..Window::default() }, &config);

        let (mut szz, mut szf, mut errors, mut count) = (0.0, 0.0, 0.0, 0.0);
        for (age, pair) in ticks.windows(2).rev().enumerate() {
            let [(a0, f0), (a, f)] = pair else { unreachable!() };
            if f0 + f > 0.0 {
                let keep = libm::exp(-0.1 * age as f64 / 10.0);
                let (da, df, total) = (a - a0, f - f0, (a + a0).max(1.0));
                let weight = if da == 0.0 { 0.0 } else { (4.0 * total / (da * da)).min(1.0) / total };
                szz += keep * weight * da * da;
                szf += keep * weight * da * df;
                errors += keep * (f + f0) / total;
                count += keep;
            }
        }
        let [(_, f0), (_, f)] = ticks[ticks.len() - 2..] else { unreachable!() };
        if f0 + f > 0.0 {
            let ratio = (errors / count).min(1.0);
            let slope = (szf + 10.0 * ratio) / (szz + 10.0);
            let eta = ((slope - ratio) / (1.0 - ratio).max(0.05)).clamp(0.0, 1.0);
            assert!(
                (state.effectiveness() - eta).abs() < 1e-9,
                "{} and {eta} at {step}",
                state.effectiveness()
            );
        }
    }
    assert!(state.effectiveness() > 0.01, "the stream has to move it");
}
