// SPDX-License-Identifier: Apache-2.0
//! Momentum: how fast pressure rises; falling pressure has none.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Tick, Window};
use proptest::prelude::*;

use crate::support::given::{after, failing, healthy, measured, settled, tick};

#[test]
fn only_the_worsening_direction_counts() {
    let config = AdaptiveConfig::default();
    let mut state = settled(&config);
    assert!(state.momentum() < 1e-6);
    let mut rising = 0.0;
    for _ in 0..5 {
        state = after(state, 1, &failing(100.0, 0.1, 10), &config);
        assert!(state.momentum() > 0.0);
        rising = state.momentum();
    }
    // From now on pressure falls: momentum halves with every tick and never turns.
    for _ in 0..10 {
        state = after(state, 1, &healthy(100.0, 0.1), &config);
        rising *= 0.5;
        assert!((state.momentum() - rising).abs() < 1e-12);
    }
}

#[test]
fn a_crowd_that_leaves_has_none() {
    let config = AdaptiveConfig::default();
    let crowd = |mean_in_flight| Window { mean_in_flight, ..healthy(100.0, 0.1) };
    let packed = after(settled(&config), 100, &crowd(500.0), &config);
    let before = packed.momentum();
    assert!(after(packed, 1, &crowd(20.0), &config).momentum() <= before);
}

#[test]
fn no_rise_is_faster_than_four_a_second() {
    let config = AdaptiveConfig::default();
    // Everything at once: an endless crowd and nothing but errors.
    let jump = Window { mean_in_flight: 1e9, ..failing(1_000.0, 0.1, 100) };
    assert_eq!(after(settled(&config), 1, &jump, &config).momentum(), 2.0);
}

#[test]
fn a_constant_crowd_has_none() {
    let config = AdaptiveConfig { min_target: 4.0, ..AdaptiveConfig::default() };
    let crowded = Window { mean_in_flight: 500.0, ..healthy(100.0, 0.1) };
    let state = after(settled(&config), 1, &crowded, &config);
    assert!(state.momentum() > 0.5, "it has just arrived");
    assert!(after(state, 100, &crowded, &config).momentum() < 0.01);
}

#[test]
fn what_was_there_before_the_law_applied_has_not_just_risen() {
    let config = AdaptiveConfig::default();
    let bad = failing(100.0, 0.1, 5);
    let learning = after(AdaptiveState::default(), config.bootstrap_ticks as usize - 1, &bad, &config);
    assert_eq!((learning.mode(), learning.momentum()), (Mode::Bootstrap, 0.0));
    let operational = after(learning, 2, &bad, &config);
    assert_eq!(operational.mode(), Mode::Operational);
    assert!(operational.momentum() < 0.1, "{}", operational.momentum());
}

#[test]
fn a_tick_without_time_leaves_the_rise_for_the_next_one() {
    let config = AdaptiveConfig::default();
    let crowded = Window { mean_in_flight: 500.0, ..healthy(100.0, 0.1) };
    let instant = Tick::new(Duration::ZERO, &config);
    let before = settled(&config);
    let unmoved = before.step(&instant, &crowded, &config);
    assert_eq!(unmoved.momentum(), before.momentum());
    assert!(unmoved.step(&tick(&config), &crowded, &config).momentum() > 0.5);
}

proptest! {
    #[test]
    fn it_is_bounded(history in prop::collection::vec((measured(), 0u64..500), 1..60)) {
        let config = AdaptiveConfig::default();
        let mut state = AdaptiveState::default();
        for (window, millis) in history {
            state = state.step(&Tick::new(Duration::from_millis(millis), &config), &window, &config);
            prop_assert!((0.0..=4.0).contains(&state.momentum()));
        }
    }
}
