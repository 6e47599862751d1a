// SPDX-License-Identifier: Apache-2.0
//! A lease holds its slot as long as its holder is heard, and no longer.

use std::time::Duration;

use atrion_core::{Cost, Outcome, Priority, Tier};
use atrion_engine::{Config, LeaseError, LeaseId, LeaseOptions, OverrideError, RouteConfig};
use atrion_state::{Event, LeaseEnd};

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
