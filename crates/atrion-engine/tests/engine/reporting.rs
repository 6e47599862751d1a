// SPDX-License-Identifier: Apache-2.0
//! What a store's adapter and the engine say of their trips, and to whom. On paused time.

use std::sync::Arc;
use std::time::Duration;

use atrion_state::{Capabilities, Event, Health, ProviderStats, SyncOperation};
use atrion_testkit::{Fault, ReportingProvider};
use tokio::time::sleep;

use crate::provider::{Stage, kill};
use crate::world::{admit_all, ms};

#[tokio::test(start_paused = true)]
async fn a_provider_that_works_by_itself_reports_while_there_is_an_instance() {
    let stage = Stage::new();
    // A buffered store, which goes to the store by itself.
    let busy = ReportingProvider::new(stage.store.clone(), Capabilities::new("busy").buffered(true));
    busy.count(vec![ProviderStats::new("busy").nodes(3, 1)]);
    // Attached before it is connected: what happens on the way is told already.
    busy.tell_on_connect(Event::NodeJoined { provider: "busy", node: "a".parse().unwrap() });
    let atrion = stage.connect_to(Arc::new(busy.clone())).await;
    kill(&atrion.route("r")).await;
    sleep(Duration::from_secs(2)).await;
    let told = stage.events.take();
    assert!(matches!(&told[0], Event::NodeJoined { node, .. } if node.as_str() == "a"), "{told:?}");
    // The engine does not know how long a push takes that is stored later.
    let is_push = |event: &Event| matches!(event, Event::SyncFinished { operation: SyncOperation::Push, .. });
    assert!(!told.iter().any(is_push), "{told:?}");
    busy.tell(&Event::SyncFinished {
        provider: "busy",
        operation: SyncOperation::Push,
        duration: ms(3),
        routes: 1,
        result: Ok(()),
    });
    assert_eq!(stage.events.count(is_push), 1);

    assert!(!atrion.is_degraded());
    busy.feel(Health::Degraded { reason: "told so".into() });
    assert!(atrion.is_degraded() && atrion.snapshot().degraded, "it knows better than the pulse");
    assert_eq!(atrion.provider_stats()[0].nodes.unwrap().live, 3);

    drop(atrion);
    sleep(ms(200)).await;
    let _ = stage.events.take();
    assert!(busy.tell(&Event::ConfigReplaced { generation: 1 }), "it was given an observer once");
    assert!(stage.events.events().is_empty(), "the provider must not keep an instance's observers");
}

#[tokio::test(start_paused = true)]
async fn every_trip_to_a_store_is_told_with_its_name_its_length_and_its_error() {
    let stage = Stage::new();
    let atrion = stage.connect().await;
    let trips = |events: Vec<Event>| -> Vec<_> {
        let trip = |event| match event {
            Event::SyncFinished { provider: "memory", operation, duration, result, .. } => {
                Some((operation.name(), duration, result.map_err(|error| error.to_string())))
            }
            _ => None,
        };
        events.into_iter().filter_map(trip).collect()
    };
    assert_eq!(trips(stage.events.take()), [("pull", Duration::ZERO, Ok(()))], "the warm start");
    stage.faulty.inject(Fault::Delay(ms(30)));
    kill(&atrion.route("r")).await;
    let told = trips(stage.events.take());
    assert!(told.contains(&("pull", ms(30), Ok(()))) && told.contains(&("push", ms(30), Ok(()))), "{told:?}");
    stage.faulty.inject(Fault::Hang);
    admit_all(&atrion.route("r"), 1);
    let _ = atrion.route("new");
    sleep(Duration::from_secs(4)).await;
    let given_up = trips(stage.events.take());
    let is_timeout = |wanted| {
        given_up.iter().any(|(operation, _, result)| {
            *operation == wanted && result.as_ref().is_err_and(|error| error.contains("did not answer"))
        })
    };
    assert!(is_timeout("pull"), "{given_up:?}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_numbers_of_its_own_has_those_that_the_pulse_sees() {
    let stage = Stage::new();
    let atrion = stage.connect().await;
    let stats = || {
        let [stats] = &atrion.provider_stats()[..] else { panic!("one store, one entry") };
        (stats.provider, stats.health.is_up(), stats.lag.unwrap())
    };
    assert_eq!(stats(), ("memory", true, Duration::ZERO));
    stage.faulty.inject(Fault::Fail);
    kill(&atrion.route("r")).await;
    sleep(Duration::from_secs(8)).await;
    let (_, is_up, lag) = stats();
    assert!(!is_up && lag >= Duration::from_secs(8) && lag < Duration::from_secs(12), "{lag:?}");
    stage.faulty.heal();
    sleep(Duration::from_secs(11)).await;
    assert_eq!(stats(), ("memory", true, Duration::ZERO));
}
