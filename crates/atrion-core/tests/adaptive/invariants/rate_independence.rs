// SPDX-License-Identifier: Apache-2.0
//! **Rate independence**: at >= 40 completions/s the same error ratio and load over time give the
//! same scar and mode history whatever the request rate (bounded by sampling noise); below that
//! evidence accumulates per sample: reactions to errors come later, never harder. p_sat at any rate
//! where N* > 8.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Law, Mode, Mono, Ohms, Volts};
use proptest::prelude::*;

use crate::support::dice::Dice;
use crate::support::given::{TICK, after, failing, healthy, settled};
use crate::support::route::Route;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same share of errors in windows of seven calls and of seven thousand: not one bit of a
    /// difference.
    #[test]
    fn the_same_error_ratio_gives_the_same_scar(
        shares in prop::collection::vec(0u64..=7, 1..60),
        scale in 1u64..1_000,
    ) {
        let config = AdaptiveConfig::default();
        let life = |scale: u64| {
            // A stream without variance says nothing of effectiveness, so it is the same for both.
            let start = settled(&config);
            shares.iter().scan(start, |state, failed| {
                *state = after(*state, 3, &failing(70.0 * scale as f64, 0.1, failed * scale), &config);
                Some((state.error_share(), state.mode()))
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(life(1), life(scale));
    }

    /// One call in a tick is a twentieth of the evidence: later, never harder.
    #[test]
    fn thin_evidence_acts_later_never_harder(calls in 1u64..=7, ticks in 1usize..60) {
        let config = AdaptiveConfig::default();
        let hurt = |calls: u64| after(settled(&config), ticks, &failing(calls as f64 * 10.0, 0.1, calls), &config);
        let (thin, thick) = (hurt(calls), hurt(1_000));
        prop_assert!(thin.error_share() <= thick.error_share());
        prop_assert!(thin.scar() <= thick.scar());
    }

    /// p_sat is a function of n/N* alone.
    #[test]
    fn saturation_is_a_ratio(target in 8.0..1e4f64, fill in 0.0..5.0f64, scale in 1.0..1e3f64) {
        let law = |target| Law { rest: Ohms::ZERO, weight: Ohms::saturating(90.0), gain: 1.5, target };
        let small = law(target).saturation(target * fill).get();
        let large = law(target * scale).saturation(target * fill * scale).get();
        prop_assert!((small - large).abs() < 1e-9);
    }
}

/// Sampled, with effectiveness at work: the scars of a slow stream and of a fast one differ by the
/// noise of the sample. The dice have a fixed seed, so that the noise is the same in every run.
#[test]
fn sampled_streams_scar_alike() {
    let config = AdaptiveConfig::default();
    let start = settled(&config);
    let scar = |rate: f64, ratio: f64, dice: &mut Dice| {
        let life = (0..50).fold(start, |state, _| {
            let calls = dice.poisson(rate * 0.1);
            let failed = dice.binomial(calls, ratio);
            after(state, 1, &failing(calls as f64 * 10.0, 0.1, failed), &config)
        });
        life.scar().get()
    };
    for (seed, ratio) in (0..).zip([0.2, 0.5, 0.6, 0.75, 0.9, 1.0]) {
        let mut dice = Dice::new(seed);
        let mut mean = |rate| (0..50).map(|_| scar(rate, ratio, &mut dice)).sum::<f64>() / 50.0;
        let (slow, fast) = (mean(40.0), mean(800.0));
        // Four calls a tick are noisier than eighty, and a little later; never harder beyond the
        // noise.
        assert!(slow < fast + 2.0 && slow > 0.8 * fast - 2.0, "at {ratio}: {slow} at 40/s, {fast} at 800/s");
    }
}

/// Every call fails from one moment on: the breaker opens after the same time, at any rate that
/// brings forty failures by then; at forty calls a second it waits for them.
#[test]
fn the_mode_history_of_an_outage_does_not_depend_on_the_rate() {
    for rate in [40u64, 100, 1_000, 5_000] {
        let config = AdaptiveConfig::default();
        let (mut route, mut now) = (Route::new(config), Mono::ZERO);
        let spacing = Duration::from_secs(1) / u32::try_from(rate).unwrap();
        let mut next_tick = now.after(TICK);
        let mut opened = None;
        let outage = Mono::ZERO.after(Duration::from_secs(5));
        while opened.is_none() && now < Mono::ZERO.after(Duration::from_secs(20)) {
            if now >= next_tick {
                route.tick(now);
                next_tick = next_tick.after(TICK);
            }
            if let Some(call) = route.admit(now, Volts::saturating(50.0)) {
                route.finish(now.after(Duration::from_micros(10)), call, now >= outage);
            }
            if route.state.mode() == Mode::CircuitBreaker {
                opened = Some(now.seconds_since(outage));
            }
            now = now.after(spacing);
        }
        let opened = opened.unwrap();
        let silence = AdaptiveConfig::default().dead_silence;
        let expected = silence.max(f64::from(AdaptiveConfig::default().dead_after) / rate as f64);
        assert!((-0.03..0.15).contains(&(opened - expected)), "{rate}/s: opened after {opened} s");
    }
}

/// With one call a second a run of failures takes as many seconds; the run decides, not the clock.
#[test]
fn a_quiet_route_is_called_dead_later() {
    let config = AdaptiveConfig::default();
    let mut route = Route::from_state(settled(&config), config.clone(), Mono::ZERO);
    let mut failures = 0;
    for second in 1..=60u64 {
        let now = Mono::ZERO.after(Duration::from_secs(second));
        for tenth in 0..10u32 {
            route.tick(now.after(TICK * tenth));
        }
        if let Some(call) = route.admit(now.after(TICK * 9), Volts::saturating(90.0)) {
            route.finish(now.after(TICK * 9), call, true);
            failures += 1;
        }
        if route.state.mode() == Mode::CircuitBreaker {
            break;
        }
    }
    assert_eq!(failures, config.dead_after);
    assert_eq!(after(AdaptiveState::default(), 3, &healthy(10.0, 0.1), &config).mode(), Mode::Bootstrap);
}
