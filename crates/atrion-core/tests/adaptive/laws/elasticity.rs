// SPDX-License-Identifier: Apache-2.0
//! Elasticity: a queue gives about 1, free workers about 0, no evidence exactly 1.

use atrion_core::adaptive::Pairs;
use atrion_core::{AdaptiveConfig, AdaptiveState, Window};

use crate::support::dice::Dice;
use crate::support::given::{after, healthy, settled, silence};
use crate::support::plant::{Plant, World};

/// Twenty ticks of calls, each admitted at a random crowd, with the latency that `latency` gives
/// it.
fn learned(latency: impl Fn(f64, &mut Dice) -> f64) -> f64 {
    let (config, mut dice) = (AdaptiveConfig::default(), Dice::new(3));
    let mut state = AdaptiveState::default();
    for _ in 0..20 {
        let pairs = (0..50).fold(Pairs::default(), |pairs, _| {
            let crowd = dice.between(5.0, 15.0).floor();
            pairs.with(crowd, latency(crowd, &mut dice))
        });
        state = after(state, 1, &Window { pairs, ..silence() }, &config);
    }
    state.elasticity()
}

#[test]
fn where_twice_the_crowd_waits_twice_as_long_it_is_one() {
    let eps = learned(|crowd, _| 0.02 * crowd);
    assert!((eps - 1.0).abs() < 0.05, "{eps}");
}

#[test]
fn where_latency_does_not_depend_on_the_crowd_it_is_zero() {
    let eps = learned(|_, dice| dice.between(0.05, 0.15));
    assert!(eps.abs() < 0.1, "{eps}");
}

#[test]
fn in_between_it_is_in_between() {
    let eps = learned(|crowd, _| 0.1 + 0.01 * crowd);
    assert!((eps - 0.5).abs() < 0.08, "{eps}");
}

#[test]
fn no_evidence_is_taken_for_a_queue() {
    let config = AdaptiveConfig::default();
    assert_eq!(AdaptiveState::default().elasticity(), 1.0);
    let constant = (0..500).fold(Pairs::default(), |pairs, _| pairs.with(8.0, 0.1));
    let state = after(AdaptiveState::default(), 20, &Window { pairs: constant, ..silence() }, &config);
    assert!((state.elasticity() - 1.0).abs() < 1e-3, "without variance there is no experiment");
}

/// While a crowd grows, the quick ones of slow calls come back first, and they have met the larger
/// crowd.
#[test]
fn slow_calls_are_compared_between_windows() {
    let config = AdaptiveConfig::default();
    let mut state = settled(&config);
    for step in 0..100 {
        // A queue: the later window waits longer. Inside a window the quick calls are the late
        // ones.
        let crowd = 20.0 + f64::from(step);
        let pairs = (0..40).fold(Pairs::default(), |pairs, i| {
            let later = f64::from(i % 9) - 4.0;
            pairs.with(crowd + later, 0.05 * crowd * (1.0 - 0.2 * later))
        });
        state = after(state, 1, &Window { pairs, ..silence() }, &config);
    }
    assert!((state.elasticity() - 1.0).abs() < 0.05, "{}", state.elasticity());
}

/// A service becomes five times slower and carries five times as many: by Little's law latency and
/// crowd rise together, whether there are workers to spare or not. Only what happens after the
/// change tells the two apart.
#[test]
fn what_was_seen_of_another_regime_is_forgotten() {
    let config = AdaptiveConfig::default();
    let pairs = |crowd: f64, latency: &dyn Fn(f64) -> f64| {
        (0..10).fold(Pairs::default(), |pairs, i| {
            let crowd = crowd * (0.6 + 0.08 * f64::from(i));
            pairs.with(crowd, latency(crowd))
        })
    };
    let before = after(
        AdaptiveState::default(),
        200,
        &Window { pairs: pairs(5.0, &|_| 0.05), ..healthy(100.0, 0.05) },
        &config,
    );
    assert!(before.elasticity() < 0.1);
    let slower = |latency: &dyn Fn(f64) -> f64| {
        let window = Window { pairs: pairs(25.0, latency), ..healthy(100.0, 0.25) };
        after(before, 30, &window, &config).elasticity()
    };
    let free = slower(&|_| 0.25);
    assert!(free < 0.5, "workers to spare: {free}");
    let queue = slower(&|crowd| 0.01 * crowd);
    assert!((queue - 1.0).abs() < 0.1, "a queue: {queue}");
}

#[test]
fn evidence_fades_within_seconds() {
    let config = AdaptiveConfig::default();
    let free = (0..60).fold(Pairs::default(), |pairs, i| pairs.with(f64::from(i % 11) + 1.0, 0.1));
    let known = after(AdaptiveState::default(), 10, &Window { pairs: free, ..silence() }, &config);
    assert!(known.elasticity() < 0.05);
    // Every three seconds a factor of e.
    let forgotten = after(known, 30 * 10, &silence(), &config);
    assert!(forgotten.elasticity() > 0.95, "{}", forgotten.elasticity());
}

#[test]
fn sums_that_are_no_numbers_are_no_evidence() {
    let config = AdaptiveConfig::default();
    let good = Pairs { count: 50.0, x: 500.0, y: 5.0, xx: 5_500.0, xy: 50.0 };
    for bad in [
        Pairs { xx: f64::NAN, ..good },
        Pairs { xy: f64::INFINITY, ..good },
        Pairs { count: -1.0, ..good },
        Pairs { y: 1e300, ..good },
    ] {
        let state = after(AdaptiveState::default(), 20, &Window { pairs: bad, ..silence() }, &config);
        assert_eq!(state.elasticity(), 1.0, "{bad:?}");
    }
}

/// The ordinary noise of arrivals is the experiment.
#[test]
fn a_route_finds_out_by_itself_what_stands_behind_it() {
    let elasticity = |plant: Plant| {
        let mut world = World::new(AdaptiveConfig::default(), plant, 5);
        world.run(0.9 * 20.0, 20.0);
        world.route.state.elasticity()
    };
    let queue = elasticity(Plant::of(1, 0.05));
    assert!(queue > 0.8, "one worker at 90 %: {queue}");
    let free = elasticity(Plant::of(100, 0.5));
    assert!(free < 0.3, "a hundred workers at 9 %: {free}");
}
