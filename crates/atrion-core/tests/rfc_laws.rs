// SPDX-License-Identifier: Apache-2.0
//! The laws that hold in the preset `rfc`, each with the words of `manual/physics.md` section 4,
//! and those of the tuner and of the choice between routes.
#![allow(clippy::float_cmp, clippy::unwrap_used)] // exactness is what is tested; the inputs are valid by construction

use atrion_core::rfc::{PhysicsState, Pressure, Slo, Weights, normalise};
use atrion_core::{
    Beta, Mode, Mono, Ohms, RfcConfig, Telemetry, Tuner, TunerConfig, Volts, choose, shares, update_physics,
};
use proptest::prelude::*;

/// One tick as a hostile caller sends it: raw telemetry of any kind, and a clock that may stand
/// still or go back.
#[derive(Debug, Clone, Copy)]
struct Raw {
    telemetry: [f64; 3],
    step_ms: i64,
}

fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..3.0,
        1 => -5.0..1e9,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0]),
    ]
}

fn ticks() -> impl Strategy<Value = Vec<Raw>> {
    let raw =
        ([anything(), anything(), anything()], prop_oneof![8 => 1i64..3_000, 1 => Just(0), 1 => -500i64..0]);
    prop::collection::vec(raw.prop_map(|(telemetry, step_ms)| Raw { telemetry, step_ms }), 0..80)
}

prop_compose! {
    fn tuner()(
        (window, warmup) in (1u32..300, 0u32..40),
        (sensitivity, recovery) in (0.0..6.0, 0.0..1.0),
        (floor, fallback) in (0.0..80.0, 0.0..200.0),
        head in 0.0..500.0,
    ) -> TunerConfig {
        TunerConfig { window, sensitivity, floor, ceiling: floor + head, warmup, recovery, fallback }
    }
}

prop_compose! {
    fn config()(
        (base_resistance, scar_factor) in (0.5..50.0, 0.0..20.0),
        (decay_rate, damping) in (0.01..3.0, 0.0..8.0),
        (critical_pressure, tanh_scale) in (0.0..1.7, 0.05..4.0),
        break_multiplier in 1.1..15.0,
        bootstrap_ticks in 0u32..12,
        tuner in prop::option::of(tuner()),
    ) -> RfcConfig {
        RfcConfig {
            base_resistance, decay_rate, scar_factor, damping, critical_pressure, break_multiplier, tanh_scale,
            bootstrap_ticks, tuner, ..RfcConfig::default()
        }
    }
}

/// Every state of a life, the cold one first. Telemetry that the border refuses reaches no tick.
fn live(config: &RfcConfig, ticks: &[Raw]) -> Vec<(Mono, PhysicsState)> {
    let (weights, baselines) = (Slo::default().weights(), Slo::default().baselines());
    let mut now_ms = 1_000_000_i64;
    let at = |ms: i64| Mono::from_nanos(ms as u64 * 1_000_000);
    let mut life = vec![(at(now_ms), PhysicsState::cold(config, &baselines, at(now_ms)))];
    for raw in ticks {
        now_ms += raw.step_ms;
        let [latency, error_rate, saturation] = raw.telemetry;
        let measured = Telemetry { latency, error_rate, saturation };
        // A caller that skips the border meets the neutralising one.
        let pressure = Pressure::of(measured, &baselines, config.tanh_scale).unwrap_or_else(|_| {
            Pressure::saturating(normalise(latency, 0.1, config.tanh_scale), error_rate, saturation)
        });
        let next = update_physics(&life[life.len() - 1].1, pressure, &weights, config, at(now_ms));
        life.push((at(now_ms), next));
    }
    life
}

/// A state by its bits: equality of floats would call two NaN different and two zeros equal.
fn bits(state: &PhysicsState) -> Vec<u64> {
    let [a, b, c] = state.pressure.components();
    let [x, y, z] = state.before.components();
    let [open, close] = [state.thresholds.break_at, state.thresholds.recover_below].map(Ohms::get);
    let floats = [
        a,
        b,
        c,
        x,
        y,
        z,
        state.momentum,
        state.scar.get(),
        state.resistance.get(),
        open,
        close,
        state.tuner.mean().map_or(0.0, Ohms::get),
        state.tuner.deviation().get(),
    ];
    let whole = [
        u64::from(state.ticks),
        u64::from(state.tuner.samples()),
        state.mode as u64,
        state.last_update.as_nanos(),
    ];
    floats.into_iter().map(f64::to_bits).chain(whole).collect()
}

proptest! {
    /// **Floor**: R >= R_base, finite, for any telemetry, also NaN, infinite or negative.
    #[test]
    fn floor(config in config(), ticks in ticks()) {
        prop_assert_eq!(config.check(), Ok(()));
        for (now, state) in live(&config, &ticks) {
            let r = state.resistance.get();
            prop_assert!(r.is_finite() && r >= config.base_resistance, "{state:?}");
            prop_assert!(state.momentum.is_finite() && state.momentum >= 0.0, "{state:?}");
            let law = state.law(None, &config, now).rest.get();
            prop_assert!(law.is_finite() && law >= r);
            let terms = state.terms(None, &config, now).resistance().get();
            prop_assert!((terms - law).abs() <= 1e-9 * law, "terms {terms}, law {law}");
        }
    }

    /// **Floor**, also where the configuration or the weights were not checked.
    #[test]
    fn floor_of_an_unchecked_configuration(
        wild in prop::array::uniform8(anything()), weights in prop::array::uniform3(anything()), ticks in ticks(),
    ) {
        let [base, decay_rate, scar_factor, damping, critical_pressure, break_multiplier, tanh_scale, z] = wild;
        let tuner = TunerConfig { window: 0, sensitivity: z, floor: damping, ceiling: base, ..TunerConfig::default() };
        let config = RfcConfig {
            base_resistance: base, decay_rate, scar_factor, damping, critical_pressure, break_multiplier, tanh_scale,
            bootstrap_ticks: 0, tuner: Some(tuner), ..RfcConfig::default()
        };
        let weights = Weights::saturating(weights[0], weights[1], weights[2]);
        let mut state = PhysicsState::cold(&config, &Slo::default().baselines(), Mono::ZERO);
        for (i, raw) in ticks.iter().enumerate() {
            let [a, b, c] = raw.telemetry;
            let now = Mono::from_nanos(i as u64);
            state = update_physics(&state, Pressure::saturating(a, b, c), &weights, &config, now);
            let r = state.resistance.get();
            prop_assert!(r.is_finite() && r >= Ohms::saturating(base).get(), "{state:?}");
        }
    }

    /// **Forgetting**: without trauma S strictly decreases to 0; decay over dt1 then dt2 equals
    /// decay over dt1 + dt2.
    #[test]
    fn forgetting(
        mut config in config(), scar in 1e-3..1e4, first_ms in 1u64..100_000, second_ms in 1u64..100_000,
    ) {
        config.bootstrap_ticks = 0;
        let (weights, baselines) = (Slo::default().weights(), Slo::default().baselines());
        let mut wounded = PhysicsState::cold(&config, &baselines, Mono::ZERO);
        wounded.mode = Mode::Operational;
        wounded.scar = Ohms::saturating(scar);
        let tick = |state: &PhysicsState, ms: u64| {
            update_physics(state, Pressure::NORMAL, &weights, &config, Mono::from_nanos(ms * 1_000_000))
        };
        let halfway = tick(&wounded, first_ms);
        prop_assert!(halfway.scar < wounded.scar);
        let twice = tick(&halfway, first_ms + second_ms);
        prop_assert!(twice.scar < halfway.scar || twice.scar == Ohms::ZERO);
        let once = tick(&wounded, first_ms + second_ms);
        // The logarithm of a scar is known to about 1e-16 of the exponent.
        let exponent = config.decay_rate * (first_ms + second_ms) as f64 * 1e-3;
        let slack = once.scar.get() * 1e-15 * (4.0 + exponent) + f64::MIN_POSITIVE;
        prop_assert!((once.scar.get() - twice.scar.get()).abs() <= slack);

        let gone = tick(&twice, first_ms + second_ms + (800_000.0 / config.decay_rate) as u64);
        prop_assert_eq!(gone.scar, Ohms::ZERO);
    }

    /// **Determinism**: the same inputs give the same bits.
    #[test]
    fn determinism(config in config(), ticks in ticks()) {
        let (one, other) = (live(&config, &ticks), live(&config, &ticks));
        for ((_, a), (_, b)) in one.iter().zip(&other) {
            prop_assert_eq!(bits(a), bits(b));
        }
    }

    /// **Determinism**: time never goes backwards inside (a smaller `now` counts as dt = 0).
    #[test]
    fn time_never_goes_backwards_inside(config in config(), ticks in ticks(), back_ms in 1u64..900_000) {
        let life = live(&config, &ticks);
        for pair in life.windows(2) {
            prop_assert!(pair[0].1.last_update <= pair[1].1.last_update);
        }
        let (_, last) = life[life.len() - 1];
        let weights = Slo::default().weights();
        let pressure = Pressure::saturating(0.9, 0.1, -0.3);
        let past = Mono::from_nanos(last.last_update.as_nanos() - back_ms * 1_000_000);
        let back = update_physics(&last, pressure, &weights, &config, past);
        let still = update_physics(&last, pressure, &weights, &config, last.last_update);
        prop_assert_eq!(bits(&back), bits(&still));
        prop_assert_eq!(back.momentum, 0.0);
    }

    /// **Order of tiers**: whenever a request of voltage V passes (not as a probe), so does at the
    /// same instant any of a higher voltage.
    #[test]
    fn order_of_tiers(config in config(), ticks in ticks(), low in 0.0..300.0, step in 0.0..300.0) {
        let (low, high) = (Volts::saturating(low), Volts::saturating(low + step));
        for (now, state) in live(&config, &ticks) {
            prop_assert!(!state.admits(low) || state.admits(high));
            let law = state.law(None, &config, now);
            prop_assert!(!law.admits(low, 7.0) || law.admits(high, 7.0));
        }
    }

    /// Pressure stays in -1..=1 and follows what was measured.
    #[test]
    fn pressure_is_bounded_and_monotone(
        raw in -1e3..1e6, more in 0.0..1e6, baseline in 1e-3..1e4, scale in 0.01..10.0,
    ) {
        let (p, q) = (normalise(raw, baseline, scale), normalise(raw + more, baseline, scale));
        prop_assert!((-1.0..=1.0).contains(&p) && p <= q);
    }

    /// The tuner's thresholds stay between its floor and its ceiling, and it recovers at half the
    /// floor or above.
    #[test]
    fn tuned_thresholds_are_bounded(config in tuner(), seen in prop::collection::vec(0.0..1e4, 0..200)) {
        let mut tuner = Tuner::default();
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for r in seen {
            tuner = tuner.observe(Ohms::saturating(r), &config);
            (least, most) = (least.min(r), most.max(r));
            let rounding = 1e-12 * most;
            prop_assert!(
                (least - rounding..=most + rounding).contains(&tuner.mean().unwrap().get()),
                "mean outside what was seen"
            );
            let (open, close) = (tuner.break_at(&config).get(), tuner.recover_below(&config).get());
            if tuner.samples() >= config.warmup {
                prop_assert!((config.floor..=config.ceiling).contains(&open));
            } else {
                prop_assert_eq!(open, config.fallback);
            }
            prop_assert!(close >= config.floor * 0.5);
        }
    }

    /// A route of constant resistance has no deviation: it breaks at its mean, between floor and
    /// ceiling.
    #[test]
    fn the_tuner_learns_a_constant(config in tuner(), r in 0.0..1e4, samples in 40u32..100) {
        let tuner = (0..samples).fold(Tuner::default(), |tuner, _| tuner.observe(Ohms::saturating(r), &config));
        prop_assert_eq!(tuner.deviation(), Ohms::ZERO);
        prop_assert_eq!(tuner.break_at(&config).get(), r.min(config.ceiling).max(config.floor));
    }

    /// The shares of a choice sum to one, and less resistance never means less share.
    #[test]
    fn shares_sum_to_one_and_are_monotone(routes in routes(), beta in 0.0..1e3) {
        let shares: Vec<f64> = shares(routes.iter().copied(), Beta::new(beta).unwrap()).collect();
        let open = |mode| mode == Mode::CircuitBreaker;
        let total: f64 = shares.iter().sum();
        if routes.iter().all(|&(_, mode)| open(mode)) {
            prop_assert_eq!(total, 0.0);
        } else {
            prop_assert!((total - 1.0).abs() < 1e-12, "{total}");
        }
        for (a, &(ra, mode_a)) in routes.iter().enumerate() {
            prop_assert!(!open(mode_a) || shares[a] == 0.0);
            for (b, &(rb, mode_b)) in routes.iter().enumerate() {
                prop_assert!(open(mode_a) || open(mode_b) || ra > rb || shares[a] >= shares[b]);
            }
        }
    }

    /// The choice draws from exactly these shares: the draw falls into the interval of the route
    /// that is picked.
    #[test]
    fn choices_follow_the_shares(routes in routes(), beta in 0.0..1.0, draw in 0.0..1.0) {
        let beta = Beta::new(beta).unwrap();
        let shares: Vec<f64> = shares(routes.iter().copied(), beta).collect();
        match choose(routes.iter().copied(), beta, draw) {
            None => prop_assert!(routes.iter().all(|&(_, mode)| mode == Mode::CircuitBreaker)),
            Some(picked) => {
                let before: f64 = shares[..picked].iter().sum();
                prop_assert!(shares[picked] > 0.0);
                prop_assert!((before - 1e-12..before + shares[picked] + 1e-12).contains(&draw));
            }
        }
    }
}

fn routes() -> impl Strategy<Value = Vec<(Ohms, Mode)>> {
    let resistance = prop_oneof![8 => 0.0..500.0, 1 => Just(0.0), 1 => 1e200..1e300];
    let route = (resistance, prop::sample::select(Mode::ALL.to_vec()));
    prop::collection::vec(route.prop_map(|(r, mode)| (Ohms::saturating(r), mode)), 0..12)
}
