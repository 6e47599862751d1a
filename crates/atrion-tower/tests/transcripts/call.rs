// SPDX-License-Identifier: Apache-2.0

use atrion_core::{Outcome, Priority, Reason, Tier};
use atrion_engine::Route;
use atrion_tower::{CallLayer, CallRules, Refused};
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
    let refused = error.downcast_ref::<Refused>().unwrap();
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
