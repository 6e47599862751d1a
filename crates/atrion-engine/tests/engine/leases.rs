// SPDX-License-Identifier: Apache-2.0
//! A lease holds its slot as long as its holder is heard, and no longer.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Cost, Outcome, Priority, Tier, Wall};
use atrion_engine::{Config, Hold, LeaseError, LeaseId, LeaseOptions, OverrideError, Profile, RouteConfig};
use atrion_state::{Event, LeaseEnd, LeaseRecord, RouteId, StateProvider as _};
use atrion_testkit::Fault;
use tokio::time::sleep;

use crate::provider::Stage;
use crate::world::{World, ms};

fn options() -> LeaseOptions {
    LeaseOptions::custom(ms(500), ms(300)).owner("job 7")
}

#[test]
fn a_lease_is_held_while_its_holder_beats_and_lost_when_it_does_not() {
    let world = World::default();
    let route = world.engine.route("jobs");
    let lease = route.lease(Tier::Low, options()).unwrap();
    for tenth in 0..10 {
        world.ticks(4);
        assert!(lease.progress(f64::from(tenth) / 10.0));
    }
    let [seen] = &route.snapshot().leases[..] else { panic!("one lease") };
    assert_eq!((seen.id, seen.owner.as_str(), seen.tier), (lease.id(), "job 7", Tier::Low));
    assert_eq!((seen.progress, seen.since_beat, seen.lasted), (Some(0.9), ms(0), ms(4_000)));

    // A missed beat is forgiven for the grace, and then no more.
    world.ticks(8);
    assert!(!lease.token().is_cancelled() && route.snapshot().in_flight == 1);
    world.ticks(2);
    assert_eq!((lease.token().end(), route.snapshot().in_flight), (Some(LeaseEnd::Lost), 0));
    assert!(!lease.beat() && !lease.extend(ms(9_000)));
    assert_eq!(world.count(|event| matches!(event, Event::LeaseEnded { end: LeaseEnd::Lost, .. })), 1);
    assert!(!lease.finish(Outcome::Success), "it is counted once");
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!((counts.failed(), counts.succeeded(), counts.cancelled()), (1, 0, 0));
    assert!(route.snapshot().leases.is_empty());
}

#[test]
fn a_step_that_cannot_beat_extends_and_a_lease_is_finished_or_dropped_as_a_permit() {
    let world = World::default();
    let route = world.engine.route("jobs");
    let priority = Priority::from(Tier::Normal).cost(Cost::saturating(12));
    let [first, second] = [(); 2].map(|()| route.lease(priority, options()).unwrap());
    assert_eq!(route.snapshot().leases[1].units.get(), 12);
    for lease in [&first, &second] {
        assert!(lease.extend(ms(5_000)) && lease.progress(f64::NAN) && lease.extend(ms(5_000)));
    }
    assert_eq!(route.snapshot().leases[0].progress, None);
    world.ticks(50);
    let token = second.token();
    assert!(first.finish(Outcome::Success));
    drop(second);
    assert_eq!((token.end(), route.snapshot().in_flight), (Some(LeaseEnd::Dropped), 0));
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!((counts.succeeded(), counts.cancelled()), (1, 1));
    assert_eq!(world.count(|event| matches!(event, Event::LeaseEnded { .. })), 0);
}

#[test]
fn while_the_process_stands_still_nobody_can_beat() {
    let world = World::default();
    let route = world.engine.route("jobs");
    let lease = route.lease(Tier::Low, options()).unwrap();
    world.ticks(2);
    world.clock.advance(Duration::from_secs(30));
    world.pulse();
    assert!(!lease.token().is_cancelled(), "it had no chance to");
    world.ticks(9);
    assert!(lease.token().is_cancelled());
}

#[test]
fn an_operator_takes_a_lease_away_with_a_reason() {
    let world = World::default();
    let route = world.engine.route("jobs");
    let lease = route.lease(Tier::Low, options()).unwrap();
    let overrides = world.engine.overrides();
    assert!(matches!(overrides.revoke(lease.id(), "  "), Err(OverrideError::Reason { characters: 0 })));
    assert_eq!(overrides.revoke(LeaseId::new(99), "no such"), Ok(false));
    assert_eq!(overrides.revoke(lease.id(), " its disk is full "), Ok(true));
    assert_eq!(overrides.revoke(lease.id(), "again"), Ok(false));
    let end = LeaseEnd::Revoked("its disk is full".into());
    assert_eq!((lease.token().end(), route.snapshot().in_flight), (Some(end.clone()), 0));
    assert_eq!(world.count(|event| matches!(event, Event::LeaseEnded { end: told, .. } if *told == end)), 1);
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!((counts.ignored(), counts.failed()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_job_is_told_by_its_token() {
    let world = World::default();
    let route = world.engine.route("jobs");
    let lease = route.lease(Tier::Low, options()).unwrap();
    let mut token = lease.token();
    let job = tokio::spawn(async move { token.cancelled().await });
    tokio::task::yield_now().await;
    assert!(!job.is_finished());
    world.engine.overrides().revoke(lease.id(), "enough").unwrap();
    assert_eq!(job.await.unwrap(), LeaseEnd::Revoked("enough".into()));
}

#[test]
fn what_cannot_be_a_lease_is_refused_with_what_to_mend() {
    let world = World::new(Config { default: RouteConfig::default().cap(1), ..Config::default() });
    let route = world.engine.route("jobs");
    for (heartbeat, grace, text) in [
        (ms(0), ms(0), "a lease's heartbeat is 10ms..=1d, got 0ns: say how often its holder can beat"),
        (Duration::MAX, ms(0), "a lease's heartbeat is 10ms..=1d"),
        (ms(10), Duration::from_secs(86_401), "a lease's grace is 0s..=1d, got 86401s"),
    ] {
        let error = route.lease(Tier::Low, LeaseOptions::custom(heartbeat, grace)).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let _held = route.lease(Tier::Low, LeaseOptions::default().owner("\u{fc}".repeat(300))).unwrap();
    assert_eq!(route.snapshot().leases[0].owner.chars().count(), 100);
    assert!(matches!(route.lease(Tier::Low, options()), Err(LeaseError::Refused(_))));
}

#[test]
fn leases_beat_as_the_configuration_of_their_route_says() {
    let world = World::default();
    let route = world.engine.route("jobs");
    let hold = || route.admit_owned(Tier::Normal).unwrap().hold();
    assert_eq!((route.lease_options(), hold()), (LeaseOptions::standard(), None));
    let profile = |profile| Config::default().route("jobs", RouteConfig::default().profile(profile));
    world.engine.replace_config(profile(Profile::Heavy)).unwrap();
    assert_eq!((route.lease_options(), hold()), (LeaseOptions::heavy(), Some(Hold::Body)));
    assert_eq!(world.engine.route("other").lease_options(), LeaseOptions::standard());

    let own = |heartbeat, grace| RouteConfig::default().lease(heartbeat, grace);
    let wrong = Config { default: own(ms(0), Duration::MAX), ..Config::default() };
    let told = world.engine.replace_config(wrong).unwrap_err().to_string();
    assert!(told.contains("in default: `heartbeat` must be 10ms..=1d, or left out, got 0;"), "{told}");
    assert!(
        told.contains("in default: `grace` must be 0s..=1d, or left out, got 18446744073709552000"),
        "{told}"
    );
    world.engine.replace_config(Config { default: own(ms(10), ms(0)), ..Config::default() }).unwrap();
    assert_eq!(route.lease_options(), LeaseOptions::custom(ms(10), ms(0)));
}

#[test]
fn jobs_of_hours_find_room_before_one_of_them_has_ended() {
    let config = Config { default: RouteConfig::default().profile(Profile::Extreme), ..Config::default() };
    let world = World::new(config);
    let route = world.engine.route("train");
    let jobs: Vec<_> = (0..8)
        .map(|_| {
            world.ticks(20);
            route.lease(Tier::Normal, route.lease_options())
        })
        .collect();
    assert!(jobs.iter().all(Result::is_ok), "{:?}", jobs.iter().map(Result::is_ok).collect::<Vec<_>>());
}

fn lost(stage: &Stage) -> Vec<Arc<str>> {
    let told = stage.events.events();
    let lost = told.into_iter().filter_map(|event| match event {
        Event::LeaseEnded { owner, end: LeaseEnd::Lost, .. } => Some(owner),
        _ => None,
    });
    lost.collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_died_has_lost_what_it_held_and_nothing_of_it_is_in_flight() {
    let stage = Stage::new();
    let first = stage.connect().await;
    let route = first.route("jobs");
    let [held, done] =
        ["clip 1", "clip 2"].map(|owner| route.lease(Tier::Low, LeaseOptions::heavy().owner(owner)));
    let (held, done) = (held.unwrap(), done.unwrap());
    assert!(held.progress(0.5));
    sleep(ms(12_000)).await;
    assert!(done.finish(Outcome::Success));
    // It ends in order, with a job in hand.
    first.shutdown().await;
    drop(first);
    assert!(lost(&stage).is_empty());

    for life in 2..=3 {
        let atrion = stage.connect().await;
        sleep(ms(2_000)).await;
        let snapshot = atrion.snapshot();
        let [record] = &snapshot.lost_leases[..] else { panic!("life {life}: {:?}", snapshot.lost_leases) };
        assert_eq!((&*record.owner, record.route.as_str(), record.progress), ("clip 1", "jobs", Some(0.5)));
        assert!(record.lost.is_some());
        assert_eq!(lost(&stage), ["clip 1".into()], "it is told once");
        let jobs = atrion.route("jobs").snapshot();
        assert_eq!((jobs.in_flight, jobs.leases.len(), jobs.counts.failed()), (0, 0, 0));
        drop(atrion);
        sleep(ms(10)).await;
    }
    let atrion = stage.connect().await;
    sleep(Duration::from_secs(86_400)).await;
    assert!(atrion.snapshot().lost_leases.is_empty(), "for a day");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_costs_leases_nothing_and_has_them_when_it_works_again() {
    let stage = Stage::new();
    let record = |owner: &str| LeaseRecord {
        route: RouteId::new("jobs").unwrap(),
        lease: 1,
        owner: owner.into(),
        since: Wall::from_millis(1),
        beat: Wall::from_millis(2),
        progress: None,
        lost: None,
    };
    stage.store.keep_leases(&[record("of an earlier life")]).await.unwrap();
    stage.faulty.inject(Fault::Hang);
    let atrion = stage.connect().await;
    let lease = atrion.route("jobs").lease(Tier::Low, LeaseOptions::extreme().owner("of this one")).unwrap();
    sleep(Duration::from_secs(30)).await;
    assert!(lease.beat() && atrion.snapshot().lost_leases.is_empty());
    // What an earlier life has left is not written over before it was read.
    assert_eq!(stage.store.kept_leases().await.unwrap(), [record("of an earlier life")]);
    stage.faulty.heal();
    sleep(Duration::from_secs(12)).await;
    assert_eq!(lost(&stage), ["of an earlier life".into()]);
    let kept = stage.store.kept_leases().await.unwrap();
    let kept: Vec<_> = kept.iter().map(|record| (&*record.owner, record.lost.is_some())).collect();
    assert_eq!(kept, [("of this one", false), ("of an earlier life", true)]);
    assert!(lease.finish(Outcome::Success));
    sleep(ms(1_100)).await;
    assert_eq!(stage.store.kept_leases().await.unwrap().len(), 1);
}
