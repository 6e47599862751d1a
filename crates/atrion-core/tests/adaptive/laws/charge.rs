// SPDX-License-Identifier: Apache-2.0
//! The charge: what a tier holds without an answer is no reason to refuse the others.

use atrion_core::{AdaptiveConfig, AdaptiveState, Window};
use proptest::prelude::*;

use crate::support::given::{after, healthy, hostile, measured, settled};

const BULK: usize = 4;
const NORMAL: usize = 2;

/// A healthy tick, of whose calls those of normal are ten, and in which `newly` of bulk's calls that
/// came before became overtaken.
fn holding(newly: u32, young: u32) -> Window {
    let by_tier = |bulk, normal| [0, 0, normal, 0, bulk];
    Window {
        refused: 5,
        newly_overtaken: by_tier(newly, 0),
        settled: by_tier(0, 10),
        young: by_tier(young, 1),
        ..healthy(100.0, 0.1)
    }
}

proptest! {
    /// Whatever is measured, a request is charged with no more than a less important one is: the
    /// order of tiers holds.
    #[test]
    fn no_tier_is_charged_with_more_than_a_lower_one(
        windows in prop::collection::vec(prop_oneof![hostile(), measured()], 1..40),
    ) {
        let config = AdaptiveConfig::default();
        let mut state = settled(&config);
        for window in &windows {
            state = after(state, 1, window, &config);
            let uncharged = state.uncharged();
            prop_assert!(uncharged.is_sorted_by(|high, low| high >= low), "{uncharged:?}");
        }
    }

    /// What is stuck counts against its own tier, whatever it waits for, and against no higher one.
    #[test]
    fn what_is_stuck_is_charged_to_its_tier_and_to_lower_ones(stuck in prop::array::uniform5(0u32..1_000)) {
        let config = AdaptiveConfig::default();
        let window = Window { stuck, young: stuck, refused: 1, ..Window::default() };
        let uncharged = after(settled(&config), 1, &window, &config).uncharged();
        for tier in 0..5 {
            prop_assert_eq!(uncharged[tier], stuck[tier + 1..].iter().sum::<u32>());
        }
    }

    /// Where nothing is overtaken and nothing is stuck, every call in flight counts for everybody.
    #[test]
    fn a_crowd_that_is_answered_is_charged_whole(young in prop::array::uniform5(0u32..1_000)) {
        let config = AdaptiveConfig::default();
        let window = Window { young, refused: 9, ..healthy(100.0, 0.1) };
        prop_assert_eq!(after(settled(&config), 20, &window, &config).uncharged(), [0; 5]);
    }
}

fn held_by_bulk(config: &AdaptiveConfig) -> AdaptiveState {
    after(settled(config), 1, &holding(10, 20), config)
}

#[test]
fn where_most_calls_of_a_tier_are_overtaken_those_in_flight_are_not_charged() {
    let config = AdaptiveConfig::default();
    let uncharged = held_by_bulk(&config).uncharged();
    // Bulk's twenty, and what may come before the next tick: of bulk as well.
    assert!(uncharged[BULK] > 20, "{uncharged:?}");
    assert!(uncharged[NORMAL] >= uncharged[BULK]);
}

/// Half of what bulk sends holds. Of what is in flight for longer than a patience, one call in 150 of
/// the other half would be left.
#[test]
fn what_is_old_is_no_work_where_a_tier_holds() {
    let config = AdaptiveConfig::default();
    let uncharged = |stuck| {
        let half = Window { settled: [0, 0, 10, 0, 10], ..holding(10, 100) };
        let state = after(settled(&config), 5, &half, &config);
        let young = Window { newly_overtaken: [0; 5], settled: [0; 5], stuck: [0, 0, 0, 0, stuck], ..half };
        after(state, 1, &young, &config).uncharged()[BULK]
    };
    let (young, old) = (uncharged(0), uncharged(100));
    assert!(
        (48..=50).contains(&(old - young)),
        "{young} of a hundred that have just come, {old} of old ones"
    );
}

#[test]
fn a_tier_whose_calls_are_answered_again_is_charged_again() {
    let config = AdaptiveConfig::default();
    let answered = Window { settled: [0, 0, 10, 0, 30], ..holding(0, 3) };
    let state = after(held_by_bulk(&config), 30, &answered, &config);
    assert_eq!(state.uncharged(), [0; 5]);
    // Time alone is enough.
    let state = after(held_by_bulk(&config), 200, &healthy(0.0, 0.1), &config);
    assert!(!state.is_charging());
}

#[test]
fn where_calls_fail_or_have_become_slower_all_in_flight_count() {
    let config = AdaptiveConfig::default();
    let slower = Window { latency_sum: 10.0 * 0.5, ..holding(10, 20) };
    assert_eq!(after(held_by_bulk(&config), 10, &slower, &config).uncharged()[BULK], 0);
    let failing = Window { failed: 5, ..holding(10, 20) };
    assert_eq!(after(held_by_bulk(&config), 10, &failing, &config).uncharged()[BULK], 0);
}
