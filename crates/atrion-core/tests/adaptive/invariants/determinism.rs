// SPDX-License-Identifier: Apache-2.0
//! **Determinism**: the same inputs give the same bits; time never goes backwards inside (a smaller
//! `now` counts as dt = 0).

use std::time::Duration;

use atrion_core::adaptive::{Failures, Pairs, Work};
use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Mono, Telemetry, Tick, Window, fnv1a};
use proptest::prelude::*;

use crate::support::dice::Dice;
use crate::support::given::{configs, measured, tick};

/// A window of pseudo-random but plausible measurements.
fn window(dice: &mut Dice, trouble: f64) -> Window {
    let admitted = dice.poisson(40.0);
    let failed = dice.binomial(admitted, trouble);
    let late = dice.binomial(admitted - failed, trouble / 3.0);
    let succeeded = admitted - failed - late;
    let latency = dice.between(0.01, 0.2) * (1.0 + 5.0 * trouble);
    let pairs = (0..succeeded.min(10))
        .fold(Pairs::default(), |pairs, _| pairs.with(dice.between(1.0, 60.0), dice.between(0.01, 0.3)));
    Window {
        admitted,
        settled: [0, 0, admitted as u32, 0, 0],
        answered_overtaken: late / 2,
        refused: admitted / 4,
        succeeded,
        failed,
        late,
        ignored: 0,
        left: late / 2,
        given_up: late / 3,
        latency_sum: latency * (succeeded + late) as f64,
        pairs,
        failures: Failures {
            x: 60.0 * failed as f64,
            xx: 3_610.0 * failed as f64,
            held: dice.between(0.0, 0.1) * failed as f64,
        },
        mean_in_flight: 400.0 * latency,
        in_flight: dice.poisson(10.0),
        overtaken: [0; 5],
        newly_overtaken: [0, 0, (late / 2) as u32, 0, failed as u32 / 7],
        young: [0, 1, 5, 0, late as u32],
        stuck: [0, 0, 2, 0, failed as u32 / 3],
        debt: dice.between(0.0, 5.0),
        since_completion: if admitted == failed { dice.between(0.0, 4.0) } else { 0.02 },
        mean_age: dice.between(0.0, 2.0),
        absent: 0.0,
        work: Work::default(),
        report: dice.hits(0.05).then(|| Telemetry {
            latency,
            error_rate: trouble,
            saturation: dice.between(0.0, 2.0),
        }),
    }
}

/// Every number a reader of the state can see.
fn numbers(state: &AdaptiveState, config: &AdaptiveConfig) -> [f64; 14] {
    let law = state.law(None, config);
    [
        law.rest.get(),
        law.target,
        law.gain,
        state.queue_edge_belief(),
        state.debt(),
        state.scar().get(),
        state.momentum(),
        state.error_share(),
        state.baseline().unwrap_or(0.0),
        state.latency().unwrap_or(0.0),
        state.throughput(),
        state.elasticity(),
        state.effectiveness(),
        state.evidence().get(),
    ]
}

/// All that the preset computes over a life with all three modes, as one hash. If it changes, every
/// recorded trace replays differently: then change it knowingly, and say so in the changelog.
#[test]
fn a_recorded_life_replays_to_the_bit() {
    let config =
        AdaptiveConfig { slo: Some(Duration::from_millis(400)), momentum_factor: 2.0, ..Default::default() };
    let (mut dice, mut state, mut life) = (Dice::new(7), AdaptiveState::default(), Vec::new());
    let mut modes = [0; 3];
    for step in 0..3_000u32 {
        let trouble = if step % 500 < 200 { 0.02 } else { f64::from(step % 7) * 0.15 };
        let elapsed = Duration::from_millis(if step % 97 == 0 { 1_300 } else { 100 });
        let window = window(&mut dice, trouble);
        state = state.step(&Tick::new(elapsed, &config), &window, &config);
        if step % 400 == 399 {
            state = state.opened_dead(&config);
        } else if step % 400 == 20 && state.mode() == Mode::CircuitBreaker {
            state = state.closed();
        }
        modes[state.mode() as usize] += 1;
        for bits in numbers(&state, &config).map(f64::to_bits) {
            life.extend(bits.to_le_bytes());
        }
    }
    assert!(modes.iter().all(|count| *count > 4), "the life has too few modes: {modes:?}");
    let hash = fnv1a(&life);
    assert_eq!(hash, RECORDED, "{hash:#018x}");
}

const RECORDED: u64 = 0x2bdc_dcc1_59da_822b;

proptest! {
    #[test]
    fn the_same_inputs_give_the_same_bits(
        config in configs(),
        history in prop::collection::vec(measured(), 1..40),
    ) {
        let life = || {
            let mut state = AdaptiveState::default();
            for window in &history {
                state = state.step(&tick(&config), window, &config);
            }
            numbers(&state, &config).map(f64::to_bits)
        };
        prop_assert_eq!(life(), life());
    }

    /// In place or by value, it is one step.
    #[test]
    fn a_step_in_place_is_the_same_step(config in configs(), history in prop::collection::vec(measured(), 1..40)) {
        let (mut by_value, mut in_place) = (AdaptiveState::default(), AdaptiveState::default());
        for window in &history {
            by_value = by_value.step(&tick(&config), window, &config);
            in_place.advance(&tick(&config), window, &config);
            prop_assert_eq!(by_value, in_place);
        }
    }

    #[test]
    fn a_smaller_now_counts_as_no_time(
        config in configs(),
        history in prop::collection::vec(measured(), 20..60),
        now in 0u64..1_000_000,
        back in 0u64..2_000_000,
    ) {
        let mut state = AdaptiveState::default();
        for window in history {
            state = state.step(&tick(&config), &window, &config);
        }
        let elapsed = Mono::from_nanos(now.saturating_sub(back)).since(Mono::from_nanos(now));
        prop_assert_eq!(elapsed, Duration::ZERO);
        // No call came, and no time passed: nothing is different.
        let nothing = Window { debt: state.debt(), ..Window::default() };
        let next = state.step(&Tick::new(elapsed, &config), &nothing, &config);
        let unstale = |state: &AdaptiveState| {
            let mut numbers = numbers(state, &config);
            numbers[0] = state.terms(None, &config).momentum.get();
            numbers
        };
        prop_assert_eq!(unstale(&next), unstale(&state));
    }
}
