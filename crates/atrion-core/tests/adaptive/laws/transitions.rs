// SPDX-License-Identifier: Apache-2.0
//! The three modes and the ways between them.

use atrion_core::adaptive::Pairs;
use atrion_core::{AdaptiveConfig, AdaptiveState, Mode, Ohms, Window};
use proptest::prelude::*;

use crate::support::given::{after, configs, failing, healthy, measured, settled, silence, tick};

#[test]
fn bootstrap_ends_after_enough_ticks_with_a_completion() {
    let config = AdaptiveConfig::default();
    let nearly =
        after(AdaptiveState::default(), config.bootstrap_ticks as usize - 1, &healthy(100.0, 0.1), &config);
    assert_eq!(nearly.mode(), Mode::Bootstrap);
    let idle = after(nearly, 1_000, &silence(), &config);
    assert_eq!(idle.mode(), Mode::Bootstrap, "an idle route learns nothing");
    assert_eq!(after(idle, 1, &healthy(100.0, 0.1), &config).mode(), Mode::Operational);
    let broken =
        after(AdaptiveState::default(), config.bootstrap_ticks as usize, &failing(100.0, 0.1, 10), &config);
    assert_eq!(broken.mode(), Mode::Operational, "failures are completions");
}

/// Overload from the first request on: latency rises with the crowd, and the law need not wait for
/// the end of the bootstrap.
#[test]
fn a_queue_ends_the_bootstrap() {
    let config = AdaptiveConfig::default();
    let ticks = |latency: fn(f64) -> f64| {
        let mut state = AdaptiveState::default();
        for tick in 1..=10 {
            let crowd = 20.0 * f64::from(tick);
            let pairs = (0..20).fold(Pairs::default(), |pairs, i| {
                let n = crowd - f64::from(i);
                pairs.with(n, latency(n))
            });
            let window = Window { mean_in_flight: crowd, pairs, ..healthy(200.0, latency(crowd)) };
            state = after(state, 1, &window, &config);
            if state.mode() == Mode::Operational {
                return tick;
            }
        }
        0
    };
    assert_eq!(ticks(|n| n / 200.0), 4, "a queue");
    assert_eq!(ticks(|_| 0.05), 10, "free workers");
}

#[test]
fn bootstrap_rests_at_the_base_whatever_happens() {
    let config =
        AdaptiveConfig { bootstrap_ticks: 1_000, momentum_factor: 10.0, ..AdaptiveConfig::default() };
    let state = after(AdaptiveState::default(), 500, &failing(100.0, 5.0, 10), &config);
    assert_eq!(state.resistance_at_rest(&config).get(), config.base);
    assert_eq!((state.scar(), state.momentum()), (Ohms::ZERO, 0.0));
}

#[test]
fn a_dead_route_holds_its_scar_until_it_is_closed() {
    let config = AdaptiveConfig::default();
    let open = settled(&config).opened_dead(&config);
    assert_eq!(open.mode(), Mode::CircuitBreaker);
    assert_eq!(open.resistance_at_rest(&config).get(), config.break_at);
    for window in [silence(), healthy(100.0, 0.1), failing(100.0, 0.1, 10)] {
        let later = after(open, 1_000, &window, &config);
        assert_eq!(later.mode(), Mode::CircuitBreaker, "nothing but a fresh success closes it");
        assert_eq!(later.scar().get(), config.break_at - config.base);
        assert_eq!(later.scar_decay(&config), 0.0, "others are told that it is held");
    }
    assert_eq!(open.closed().scar_decay(&config), config.scar_decay);
}

#[test]
fn closing_forgets_the_outage_and_keeps_what_health_taught() {
    let mut config = AdaptiveConfig { momentum_factor: 1.0, ..AdaptiveConfig::default() };
    config.laws.effectiveness = false;
    let health = settled(&config);
    let sick = after(health, 20, &failing(100.0, 0.1, 10), &config);
    assert!(sick.error_share() > 0.9 && sick.scar().get() > 10.0);
    let owing = sick.step(&tick(&config), &Window { debt: 7.0, ..failing(100.0, 0.1, 10) }, &config);
    assert!(owing.debt() > 6.0);
    let sick = owing.opened_dead(&config);
    let closed = sick.closed();
    assert_eq!(closed.mode(), Mode::Operational);
    assert_eq!(closed.resistance_at_rest(&config).get(), config.base);
    for cleared in
        [closed.scar().get(), closed.debt(), closed.momentum(), closed.error_share(), closed.effectiveness()]
    {
        assert_eq!(cleared, 0.0);
    }
    assert_eq!((closed.latency(), closed.baseline()), (sick.latency(), sick.baseline()));
    assert_eq!(closed.throughput(), sick.throughput());
    assert_eq!(closed.target(), sick.target());
}

#[test]
fn hearsay_never_opens_a_breaker() {
    let config = AdaptiveConfig::default();
    let state = settled(&config);
    let alarmed = state.law(Some(Ohms::saturating(90.0)), &config);
    assert_eq!(alarmed.rest.get(), config.break_at, "the gate sheds everything below the top");
    assert_eq!(after(state, 10, &healthy(100.0, 0.1), &config).mode(), Mode::Operational);
    let terms = state.terms(Some(Ohms::saturating(25.0)), &config);
    assert_eq!((terms.scar, terms.cluster), (Ohms::ZERO, 25.0));
    assert_eq!(terms.resistance().get(), 35.0);
}

#[test]
fn a_healthy_fleet_lowers_the_own_scar_but_not_the_base() {
    let config = AdaptiveConfig::default();
    let hurt = AdaptiveState::restored(Ohms::saturating(40.0), Mode::Operational, &config);
    assert_eq!(hurt.law(Some(Ohms::saturating(30.0)), &config).rest.get(), 40.0);
    assert_eq!(hurt.law(Some(Ohms::ZERO), &config).rest.get(), config.base);
}

#[test]
fn a_restored_breaker_is_open_and_the_first_probe_finds_out() {
    let config = AdaptiveConfig::default();
    let open = AdaptiveState::restored(Ohms::saturating(3.0), Mode::CircuitBreaker, &config);
    assert_eq!(open.mode(), Mode::CircuitBreaker);
    assert_eq!(open.scar().get(), config.break_at - config.base);
    // After it the route knows no capacity yet.
    let closed = open.closed();
    assert_eq!(closed.mode(), Mode::Operational);
    assert_eq!(closed.law(None, &config).target, 200.0);
    assert_eq!(
        after(closed, config.bootstrap_ticks as usize - 1, &healthy(20.0, 0.01), &config)
            .law(None, &config)
            .target,
        200.0
    );
    assert!(
        after(closed, config.bootstrap_ticks as usize, &healthy(20.0, 0.01), &config)
            .law(None, &config)
            .target
            < 10.0
    );
}

#[test]
fn a_restored_scar_brakes_at_once_and_never_opens() {
    let config = AdaptiveConfig::default();
    let hurt = AdaptiveState::restored(Ohms::saturating(30.0), Mode::Operational, &config);
    assert_eq!((hurt.mode(), hurt.scar().get()), (Mode::Operational, 30.0));
    let lied_to = AdaptiveState::restored(Ohms::saturating(1e9), Mode::Operational, &config);
    assert_eq!(lied_to.scar().get(), config.scar_ceiling, "trauma alone never made more");
    let instant = atrion_core::Tick::new(std::time::Duration::ZERO, &config);
    assert_eq!(lied_to.step(&instant, &silence(), &config).mode(), Mode::Operational);
}

#[test]
fn the_rest_of_a_faint_scar_is_not_worth_restoring() {
    let config = AdaptiveConfig::default();
    for mode in [Mode::Operational, Mode::Bootstrap] {
        let state = AdaptiveState::restored(Ohms::saturating(0.9), mode, &config);
        assert_eq!(state, AdaptiveState::default());
    }
    let learning = AdaptiveState::restored(Ohms::saturating(50.0), Mode::Bootstrap, &config);
    assert_eq!(learning, AdaptiveState::default(), "a route that was learning had no scar");
}

#[test]
fn a_route_is_neutral_when_nothing_would_be_lost() {
    let config = AdaptiveConfig::default();
    assert!(AdaptiveState::default().is_neutral());
    assert!(settled(&config).is_neutral());
    assert!(!settled(&config).opened_dead(&config).is_neutral());
    let hurt = after(settled(&config), 20, &failing(100.0, 0.1, 10), &config);
    assert!(!hurt.is_neutral());
    assert!(after(hurt, 600, &silence(), &config).is_neutral());
}

proptest! {
    /// A tick knows two transitions only: out of bootstrap, and into an open breaker.
    #[test]
    fn a_tick_never_closes_and_never_goes_back_to_learning(
        config in configs(),
        history in prop::collection::vec((measured(), 0u8..20), 1..60),
    ) {
        let mut state = AdaptiveState::default();
        for (window, event) in history {
            if event == 0 {
                state = state.opened_dead(&config);
            }
            let next = state.step(&tick(&config), &window, &config);
            match (state.mode(), next.mode()) {
                (Mode::Bootstrap, Mode::Bootstrap | Mode::Operational)
                | (Mode::Operational, Mode::Operational | Mode::CircuitBreaker)
                | (Mode::CircuitBreaker, Mode::CircuitBreaker) => {}
                (from, to) => prop_assert!(false, "{from} to {to}"),
            }
            let opens = state.mode() == Mode::Operational && next.mode() == Mode::CircuitBreaker;
            prop_assert!(!opens || next.resistance_at_rest(&config).get() >= config.break_at);
            state = next;
        }
    }
}
