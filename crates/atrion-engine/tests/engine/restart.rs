// SPDX-License-Identifier: Apache-2.0
//! A warm restart: what an earlier life knew, older by exactly the time between.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Mode, Outcome, Reason, Telemetry, Tier};
use atrion_engine::Atrion;
use tokio::time::sleep;

use crate::provider::Stage;
use crate::world::{adaptive, admit_all, ms, volts};

/// A life that learns and ends with a scar on "scarred" and an open breaker on "dead".
async fn first_life(stage: &Stage, breaker_open_for: Duration) -> f64 {
    let atrion = stage.connect_to(Arc::new(stage.store.clone())).await;
    let (scarred, dead) = (atrion.route("scarred"), atrion.route("dead"));
    for _ in 0..15 {
        for route in [&scarred, &dead] {
            admit_all(route, 4).into_iter().for_each(|permit| permit.finish(Outcome::Success));
        }
        sleep(ms(100)).await;
    }
    sleep(ms(1_000)).await;
    admit_all(&dead, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    sleep(breaker_open_for).await;
    assert_eq!(dead.mode(), Mode::CircuitBreaker);
    hurt(&atrion, 40).await;
    atrion.shutdown().await;
    scarred.snapshot().terms.scar.get()
}

async fn hurt(atrion: &Atrion, ticks: u32) {
    for _ in 0..ticks {
        sleep(ms(100)).await;
        let telemetry = Telemetry { latency: 0.01, error_rate: 1.0, saturation: 0.0 };
        atrion.update_physics("scarred", telemetry).unwrap();
    }
}

fn aged(scar: f64, seconds: f64) -> f64 {
    scar * (-0.5 * seconds).exp()
}

#[tokio::test(start_paused = true)]
async fn a_scar_is_older_by_exactly_the_time_between_two_lives() {
    for millis in [0, 700, 3_000] {
        let stage = Stage::new();
        let scar = first_life(&stage, ms(500)).await;
        assert!(scar > 30.0);
        sleep(ms(millis)).await;
        let atrion = stage.connect_to(Arc::new(stage.store.clone())).await;
        let route = atrion.route("scarred");
        let (found, foreseen) = (route.snapshot().terms.scar.get(), aged(scar, millis as f64 / 1e3));
        assert!((found - foreseen).abs() < 1e-3, "{found} and not {foreseen} after {millis} ms");
        // It brakes from the first request on.
        assert!(route.admit(volts(9.0 + foreseen)).is_err());
        assert!(route.admit(volts(12.0 + foreseen)).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_open_again_for_five_minutes() {
    let stage = Stage::new();
    // However long it had been open: the store was told that it still is half a minute ago at the
    // most.
    first_life(&stage, Duration::from_secs(900)).await;
    sleep(Duration::from_secs(260)).await;
    let atrion = stage.connect_to(Arc::new(stage.store.clone())).await;
    let route = atrion.route("dead");
    assert_eq!((route.mode(), route.resistance().get()), (Mode::CircuitBreaker, 100.0));
    let probes: Vec<_> = (0..3).map(|_| route.admit_owned(Tier::Critical).unwrap()).collect();
    assert_eq!(route.admit(volts(1e6)).unwrap_err().reason(), Reason::BreakerOpen);
    probes.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    assert_eq!((route.mode(), route.resistance().get()), (Mode::Operational, 10.0));
    sleep(ms(200)).await;
    assert_eq!(route.mode(), Mode::Operational);
}

#[tokio::test(start_paused = true)]
async fn after_that_nobody_knows_and_the_route_learns_anew() {
    let stage = Stage::new();
    first_life(&stage, Duration::from_secs(1)).await;
    sleep(Duration::from_secs(306)).await;
    let atrion = stage.connect_to(Arc::new(stage.store.clone())).await;
    let route = atrion.route("dead");
    assert_eq!((route.mode(), route.resistance().get()), (Mode::Bootstrap, 10.0));
    assert!(route.admit(Tier::Bulk).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_named_late_is_restored_by_the_pull() {
    let stage = Stage::new();
    let scar = first_life(&stage, ms(500)).await;
    let atrion = stage.connect_without_a_list().await;
    sleep(ms(500)).await;
    let (scarred, dead) = (atrion.route("scarred"), atrion.route("dead"));
    assert_eq!((scarred.resistance().get(), dead.mode()), (10.0, Mode::Bootstrap));
    sleep(ms(150)).await;
    assert_eq!(dead.mode(), Mode::CircuitBreaker);
    assert!((scarred.snapshot().terms.scar.get() - aged(scar, 0.6)).abs() < 2.0, "{:?}", scarred.snapshot());
    assert!(atrion.route("unknown to all").admit(Tier::Bulk).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_fails_is_repeated_for_the_same_routes() {
    let stage = Stage::new();
    first_life(&stage, ms(500)).await;
    let atrion = stage.connect_without_a_list().await;
    stage.faulty.inject(atrion_testkit::Fault::Fail);
    let dead = atrion.route("dead");
    sleep(ms(1_000)).await;
    assert_eq!(dead.mode(), Mode::Bootstrap);
    stage.faulty.heal();
    sleep(Duration::from_secs(11)).await;
    assert_eq!(dead.mode(), Mode::CircuitBreaker);
}

#[tokio::test(start_paused = true)]
async fn what_a_route_has_learned_by_itself_is_not_overwritten_by_the_past() {
    let stage = Stage::new();
    first_life(&stage, ms(500)).await;
    let atrion = stage.connect_without_a_list().await;
    stage.faulty.inject(atrion_testkit::Fault::Delay(ms(900)));
    let dead = atrion.route("dead");
    for _ in 0..20 {
        admit_all(&dead, 4).into_iter().for_each(|permit| permit.finish(Outcome::Success));
        sleep(ms(100)).await;
    }
    assert_eq!((dead.mode(), dead.resistance().get()), (Mode::Operational, 10.0));
}

#[tokio::test(start_paused = true)]
async fn a_scar_that_fades_as_foreseen_is_stored_again_before_a_store_forgets_it() {
    let stage = Stage::new();
    let slow = AdaptiveConfig { scar_decay: 0.001, bootstrap_ticks: 0, ..AdaptiveConfig::default() };
    let atrion = stage.connect_to(Arc::new(stage.store.clone())).await;
    atrion.replace_config(adaptive(slow)).unwrap();
    // Faint, so that not even its resistance moves by much.
    hurt(&atrion, 4).await;
    for _ in 0..10 {
        sleep(Duration::from_secs(60)).await;
        let vector =
            stage.store.export().routes.into_iter().find(|(id, _)| id.as_str() == "scarred").unwrap().1;
        assert!(vector.aged_scar().get() > 0.1 && vector.age <= Duration::from_secs(45), "{vector:?}");
    }
}
