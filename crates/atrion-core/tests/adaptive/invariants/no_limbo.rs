// SPDX-License-Identifier: Apache-2.0
//! **No limbo**: there is no reachable state in which, while requests arrive, neither a request nor
//! a probe passes for longer than 1.2 s.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Laws, Mode, Mono, Ohms, Volts};
use proptest::prelude::*;

use crate::support::dice::Dice;
use crate::support::given::{TICK, configs, hostile, tick};
use crate::support::route::{Call, Route};

/// The fate of the calls that pass.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Succeed,
    Fail,
    Hang,
    Mixed,
}

/// The longest time in which requests came and none passed.
fn longest_silence(mut route: Route, fate: Fate, top: f64, dice: &mut Dice) -> f64 {
    let (mut now, mut next_tick) = (Mono::ZERO, Mono::ZERO.after(TICK));
    let (mut last_pass, mut longest) = (now, 0.0f64);
    let mut pending: Vec<(Mono, Call, bool)> = Vec::new();
    while now < Mono::ZERO.after(Duration::from_secs(30)) {
        now = now.after(Duration::from_secs_f64(dice.between(0.001, 0.03)));
        pending.retain(|(at, call, failed)| {
            if *at <= now {
                route.finish(now, *call, *failed);
            }
            *at > now
        });
        if now >= next_tick {
            route.tick(now);
            next_tick = next_tick.after(TICK);
        }
        if let Some(call) = route.admit(now, Volts::saturating(dice.between(11.0, top))) {
            last_pass = now;
            let fate = match fate {
                Fate::Mixed if dice.hits(0.3) => Fate::Hang,
                Fate::Mixed if dice.hits(0.5) => Fate::Fail,
                Fate::Mixed => Fate::Succeed,
                other => other,
            };
            let back = now.after(Duration::from_secs_f64(dice.between(0.001, 0.3)));
            match fate {
                Fate::Succeed | Fate::Mixed => pending.push((back, call, false)),
                Fate::Fail => pending.push((back, call, true)),
                Fate::Hang => pending.push((now.after(Duration::from_secs(20)), call, true)),
            }
        }
        longest = longest.max(now.seconds_since(last_pass));
    }
    longest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_limbo(
        config in configs(),
        history in prop::collection::vec(hostile(), 0..40),
        opened in any::<bool>(),
        fate in prop::sample::select(vec![Fate::Succeed, Fate::Fail, Fate::Hang, Fate::Mixed]),
        top in prop::sample::select(vec![20.0, 60.0, 100.0]),
        seed in any::<u64>(),
    ) {
        // Any voltage in use lies above R_base, or the configuration itself refuses it.
        let config = AdaptiveConfig { base: config.base.min(10.0), ..config };
        let mut state = AdaptiveState::default();
        for window in history {
            state = state.step(&tick(&config), &window, &config);
        }
        if opened {
            state = state.opened_dead(&config);
        }
        let route = Route::from_state(state, config, Mono::ZERO);
        let longest = longest_silence(route, fate, top, &mut Dice::new(seed));
        prop_assert!(longest <= 1.2 + 0.03, "{longest} s of silence");
    }
}

/// The case that needs the rule of the longest silence: bulk traffic only, under a scar that stands
/// above all of it.
#[test]
fn bulk_alone_passes_under_any_scar() {
    let laws = Laws { dead: false, ..Laws::default() };
    let config = AdaptiveConfig { laws, ..AdaptiveConfig::default() };
    let state = AdaptiveState::restored(Ohms::saturating(60.0), Mode::Operational, &config);
    let route = Route::from_state(state, config, Mono::ZERO);
    assert!(!route.obeys(Volts::saturating(20.0)), "the law itself refuses");
    let longest = longest_silence(route, Fate::Fail, 20.0, &mut Dice::new(1));
    assert!((0.19..0.24).contains(&longest), "{longest}");
}
