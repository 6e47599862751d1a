// SPDX-License-Identifier: Apache-2.0

use std::convert::Infallible;

use atrion_core::{Outcome, Priority, Reason, Tier, Volts};
use atrion_engine::Route;
use atrion_tower::{CallError, CallLayer, CallRules, GuardedError, Propagate, Refused};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_test::mock;

use crate::support::World;

#[tokio::test]
async fn a_route_is_enough_and_a_refusal_is_an_error() {
    let world = World::with_room_for_one().await;
    let layer = CallLayer::new(world.atrion.route("jobs"));
    let (mut service, mut server) = mock::spawn_layer::<&str, u32, _>(layer);
    server.allow(9);
    assert!(service.poll_ready().is_ready());
    let first = service.call("first");
    let (request, send) = server.next_request().await.unwrap();
    assert_eq!(request, "first");

    assert!(service.poll_ready().is_ready());
    let error = service.call("second").await.unwrap_err();
    let refused = error.refused().unwrap();
    assert_eq!((refused.route().as_str(), refused.shed().reason()), ("jobs", Reason::AtCap));
    assert!(refused.to_string().starts_with("jobs refused the call: normal request of "), "{refused}");
    assert_eq!(refused.retry_after(), refused.shed().retry_after());

    send.send_response(17);
    assert_eq!(first.await.unwrap(), 17);
    let counts = world.counts("jobs");
    assert_eq!((counts.succeeded(), counts.all_shed()), (1, 1));
}

struct ByTable {
    reads: Route,
    writes: Route,
}

impl CallRules<&'static str, u32, tower::BoxError> for ByTable {
    fn route(&self, request: &&'static str) -> Route {
        if request.starts_with("select") { self.reads.clone() } else { self.writes.clone() }
    }

    fn priority(&self, request: &&'static str) -> Priority {
        if request.ends_with("audit") { Tier::Critical.into() } else { Tier::Low.into() }
    }

    fn outcome(&self, result: Result<&u32, &tower::BoxError>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(error) if error.to_string().contains("syntax") => Outcome::Ignored,
            Err(_) => Outcome::Failure,
        }
    }
}

#[tokio::test]
async fn rules_choose_route_priority_and_outcome() {
    let world = World::with_room_for_one().await;
    let (reads, writes) = (world.atrion.route("reads"), world.atrion.route("writes"));
    let layer = CallLayer::new(ByTable { reads, writes });
    let (mut service, mut server) = mock::spawn_layer::<&str, u32, _>(layer);
    server.allow(9);
    for (request, answer) in
        [("select 1", Ok(1)), ("insert audit", Err("disk full")), ("selec from", Err("syntax error"))]
    {
        assert!(service.poll_ready().is_ready());
        let call = service.call(request);
        let (_, send) = server.next_request().await.unwrap();
        match answer {
            Ok(rows) => send.send_response(rows),
            Err(error) => send.send_error(error),
        }
        assert_eq!(call.await.map_err(|error| error.to_string()), answer.map_err(str::to_owned));
    }
    let (reads, writes) = (world.counts("reads"), world.counts("writes"));
    assert_eq!((reads.succeeded(), reads.admitted(Tier::Low)), (1, 1));
    assert_eq!((writes.failed(), writes.ignored()), (1, 1));
    assert_eq!((writes.admitted(Tier::Critical), writes.admitted(Tier::Low)), (1, 1));
}

#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) =
        mock::spawn_layer::<(), (), _>(CallLayer::new(world.atrion.route("jobs")));
    server.allow(1);
    assert!(service.poll_ready().is_ready());
    let call = service.call(());
    assert_eq!(world.in_flight("jobs"), 1);
    drop(call);
    assert_eq!(world.in_flight("jobs"), 0);
    assert_eq!(world.counts("jobs").cancelled(), 1);
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the disk is full")]
struct DiskFull;

#[tokio::test]
async fn the_callees_error_keeps_its_type() {
    let world = World::with_room_for_one().await;
    let route = world.atrion.route("jobs");
    let service = CallLayer::new(route.clone()).layer(service_fn(async |(): ()| Err::<(), _>(DiskFull)));
    let error = service.clone().oneshot(()).await.unwrap_err();
    assert_eq!(error, GuardedError::Callee(DiskFull));
    assert_eq!(error.to_string(), "the disk is full");
    assert!(error.into_box().is::<DiskFull>());

    let _in_the_way = route.admit(Tier::Normal).unwrap();
    let error = service.oneshot(()).await.unwrap_err();
    // A classifier finds it in any box, and people read it once.
    assert_eq!(error.to_string(), "the call was not made");
    let boxed: tower::BoxError = error.clone().into();
    assert!(CallError::new(&boxed).find::<Refused>().is_some());
    assert!(error.into_box().is::<Refused>());
}

/// Jobs with fields for a tier and a voltage.
#[derive(Debug, Default)]
struct Job(Option<Tier>, Option<f64>);

struct Telling(Route, Propagate);

impl CallRules<Job, Job, Infallible> for Telling {
    fn route(&self, _: &Job) -> Route {
        self.0.clone()
    }

    fn priority(&self, _: &Job) -> Priority {
        Tier::High.into()
    }

    fn propagate(&self) -> Propagate {
        self.1
    }

    fn tell(&self, job: &mut Job, tier: Tier, volts: Option<Volts>) {
        *job = Job(Some(tier), volts.map(Volts::get));
    }
}

#[tokio::test]
async fn a_call_can_tell_its_callee_what_it_is_worth() {
    let world = World::with_room_for_one().await;
    let seen = async |propagate| {
        let layer = CallLayer::new(Telling(world.atrion.route("jobs"), propagate));
        let echo = service_fn(async |job: Job| Ok::<_, Infallible>(job));
        layer.layer(echo).oneshot(Job::default()).await.unwrap()
    };
    assert_eq!(seen(Propagate::Nothing).await.0, None);
    let Job(tier, volts) = seen(Propagate::Tier).await;
    assert_eq!((tier, volts), (Some(Tier::High), None));
    let Job(tier, volts) = seen(Propagate::Voltage).await;
    let (lowest, highest) = Tier::High.band();
    assert!(tier == Some(Tier::High) && volts.is_some_and(|volts| (lowest..highest).contains(&volts)));
    let counts = world.counts("jobs");
    assert_eq!((counts.admitted(Tier::High), counts.all_admitted()), (3, 3));
}

#[tokio::test]
async fn a_call_waits_for_its_service_with_the_permit_held() {
    let world = World::with_room_for_one().await;
    let (mut service, mut server) =
        mock::spawn_layer::<&str, u32, _>(CallLayer::new(world.atrion.route("jobs")));
    server.allow(0);
    assert!(service.poll_ready().is_ready());
    let mut call = tokio_test::task::spawn(service.call("first"));
    assert!(call.poll().is_pending());
    assert_eq!(world.in_flight("jobs"), 1);
    assert!(service.call("second").await.unwrap_err().refused().is_some());
    server.allow(1);
    assert!(call.is_woken() && call.poll().is_pending());
    let (_, send) = server.next_request().await.unwrap();
    send.send_response(17);
    assert_eq!(call.await.unwrap(), 17);
}
