// SPDX-License-Identifier: Apache-2.0
//! **Bounded scar and bounded recovery**: S <= S_max; from any reachable state, healthy telemetry
//! brings every tier back within a stated time, for any history length, also when the healthy
//! service is slower than before (up to L_SLO at its new unloaded latency).
//!
//! The stated time is 30 s.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Tier};
use proptest::prelude::*;

use crate::support::dice::Dice;
use crate::support::given::{configs, hostile, measured, tick};
use crate::support::plant::{Plant, World};

const STATED: f64 = 30.0;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn bounded_scar(
        config in configs(),
        history in prop::collection::vec((prop_oneof![hostile(), measured()], 0u8..10), 1..80),
    ) {
        let mut state = AdaptiveState::default();
        for (window, event) in history {
            state = state.step(&tick(&config), &window, &config);
            if event == 0 {
                state = state.opened_dead(&config);
            } else if event == 1 {
                state = AdaptiveState::restored(state.scar(), state.mode(), &config);
            } else if event == 2 && state.mode() == Mode::CircuitBreaker {
                state = state.closed();
            }
            let most = if state.mode() == Mode::CircuitBreaker { config.break_at - config.base } else { config.scar_ceiling };
            prop_assert!(state.scar().get() <= most, "{} of {most} in {}", state.scar(), state.mode());
        }
    }

    /// Errors alone never open the breaker: only the dead rule and hung calls do.
    #[test]
    fn errors_alone_do_not_open_the_breaker(history in prop::collection::vec(measured(), 1..200)) {
        let mut config = AdaptiveConfig::default();
        config.laws.staleness = false;
        let mut state = AdaptiveState::default();
        for window in history {
            state = state.step(&tick(&config), &window, &config);
            prop_assert_ne!(state.mode(), Mode::CircuitBreaker);
        }
    }
}

/// Anything may have happened before: overload, errors, a bounded queue, hung calls, silence.
fn trouble(world: &mut World, healthy: Plant, dice: &mut Dice) {
    let load = healthy.capacity();
    world.plant = healthy;
    let rate = match dice.bits() % 6 {
        0 => load * dice.between(1.2, 4.0),
        1 => {
            world.plant.error_ratio = dice.unit();
            load * 0.6
        }
        2 => {
            world.plant.waiting = 5;
            load * dice.between(1.0, 3.0)
        }
        3 => {
            world.plant.hung = true;
            load * 0.5
        }
        4 => {
            world.plant.error_ratio = 1.0;
            load * dice.between(0.1, 3.0)
        }
        _ => 0.0,
    };
    world.run(rate, dice.between(0.5, 8.0));
    world.plant.hung = false;
    world.cut_hung_calls();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn bounded_recovery(
        seed in any::<u64>(),
        chapters in 1usize..6,
        workers in 4usize..40,
        with_slo in any::<bool>(),
        slower in 1.0..6.0f64,
    ) {
        let mut dice = Dice::new(seed);
        let before = Plant::of(workers, 0.02);
        // Slower for good, with as many workers more: up to 120 ms unloaded, under the SLO of 200
        // ms.
        let healthy = Plant { workers: (workers as f64 * slower).ceil() as usize, service: 0.02 * slower, ..before };
        let slo = with_slo.then(|| Duration::from_millis(200));
        let mut world = World::new(AdaptiveConfig { slo, ..AdaptiveConfig::default() }, before, seed);
        for _ in 0..chapters {
            trouble(&mut world, before, &mut dice);
        }
        world.plant = healthy;
        world.run(0.6 * healthy.capacity(), STATED);
        let report = world.run(0.6 * healthy.capacity(), 10.0);
        prop_assert_eq!(world.route.state.mode(), Mode::Operational);
        for tier in Tier::ALL {
            prop_assert!(report.passed(tier) > 0.97, "{tier}: {} in {:?}", report.passed(tier), world.route.state);
        }
    }
}
