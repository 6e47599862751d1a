// SPDX-License-Identifier: Apache-2.0
//! The suite itself: good providers keep the contract, and each kind of bad provider is caught by
//! name.
#![allow(missing_docs)] // a test's name says what it shows

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use atrion_core::{Mode, Ohms};
use atrion_state::{FakeClock, InMemoryProvider, NodeId, PhysicsVector, RouteId, StateProvider, lock};
use atrion_testkit::contract::{self, Report, Subject, Time};
use atrion_testkit::{Fault, FaultyProvider, MemoryFleet, TokioClock};

fn memory(clock: &FakeClock) -> InMemoryProvider {
    InMemoryProvider::with_clock(Arc::new(clock.clone()))
}

async fn faulty(prepare: impl Fn(&FaultyProvider)) -> Report {
    contract::run_all(|| async {
        let clock = FakeClock::new();
        let provider = FaultyProvider::new(memory(&clock));
        prepare(&provider);
        Subject::new(Arc::new(provider), Time::Fake(clock))
    })
    .await
}

/// What a node of a fleet in memory has as excuses: it ends with its process, and keeps no leases.
const EXCUSES: [&str; 2] = [OPENED_AGAIN, "leases_come_back_as_they_were_kept_or_not_at_all"];
const OPENED_AGAIN: &str = "what_was_stored_is_there_when_the_store_is_opened_again";

fn broken(report: &Report) -> Vec<&'static str> {
    report.broken().map(|entry| entry.name).collect()
}

#[tokio::test(start_paused = true)]
async fn the_in_memory_provider_keeps_the_contract() {
    let report = contract::run_all(|| async {
        let clock = FakeClock::new();
        Subject::new(Arc::new(memory(&clock)), Time::Fake(clock))
    })
    .await;
    report.assert_kept();
    // It ends with its process, and no other node shares it.
    let skipped: Vec<_> = report.skipped().map(|entry| entry.name).collect();
    assert_eq!(skipped, [OPENED_AGAIN, "a_peer_is_seen_sorted_and_aged"], "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_node_of_a_fleet_in_memory_keeps_the_contract_with_its_peer() {
    let report = contract::run_all(|| async {
        let clock = FakeClock::new();
        let fleet = MemoryFleet::new(Arc::new(clock.clone()));
        let [one, other] = ["one", "other"].map(|name| Arc::new(fleet.node(&NodeId::new(name).unwrap())));
        Subject::new(one, Time::Fake(clock)).with_peer(other)
    })
    .await;
    report.assert_kept();
    let skipped: Vec<_> = report.skipped().map(|entry| entry.name).collect();
    assert_eq!(skipped, EXCUSES, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_node_of_a_fleet_over_wires_keeps_the_contract_with_its_peer() {
    let report = contract::run_all(|| async {
        let fleet = MemoryFleet::with_wires(Arc::new(TokioClock::new()), || Duration::from_millis(3));
        let nodes = ["one", "other"].map(|name| Arc::new(fleet.node(&NodeId::new(name).unwrap())));
        let [one, other] = nodes.each_ref().map(Arc::clone);
        let nodes = nodes.map(|node| Arc::downgrade(&node));
        tokio::spawn(async move {
            while let [Some(one), Some(other)] = nodes.each_ref().map(Weak::upgrade) {
                [one, other].iter().for_each(|node| node.deliver());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        Subject::new(one, Time::Real).with_peer(other)
    })
    .await;
    report.assert_kept();
    let skipped: Vec<_> = report.skipped().map(|entry| entry.name).collect();
    assert_eq!(skipped, EXCUSES, "{report}");
}

#[tokio::test]
async fn a_register_is_seen_when_it_has_arrived_and_is_as_old_as_its_way() {
    let clock = FakeClock::new();
    let fleet = MemoryFleet::with_wires(Arc::new(clock.clone()), || Duration::from_millis(30));
    let [one, other] = ["one", "other"].map(|name| fleet.node(&NodeId::new(name).unwrap()));
    let (route, mut feed) = (RouteId::new("r").unwrap(), other.subscribe().unwrap());
    one.update_vector(route.clone(), scarred()).await.unwrap();
    clock.advance(Duration::from_millis(29));
    assert!(other.view(&route).is_empty() && feed.try_recv().is_none());
    clock.advance(Duration::from_millis(2));
    other.deliver();
    assert_eq!(feed.try_recv().unwrap().register.vector.age, Duration::from_millis(31));
    // What is on its way when a wire is cut arrives when it is mended.
    one.update_vector(route.clone(), scarred()).await.unwrap();
    fleet.cut(other.name());
    clock.advance(Duration::from_secs(4));
    other.deliver();
    assert!(feed.try_recv().is_none());
    assert_eq!(other.view(&route)[0].silence, Duration::from_secs(4));
    fleet.mend(other.name());
    assert_eq!(other.view(&route)[0].silence, Duration::ZERO);
    assert_eq!(feed.try_recv().unwrap().register.vector.age, Duration::from_secs(4));
    assert_eq!((one.looks(), other.looks()), (0, 3));
}

fn scarred() -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(40.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_in_memory_provider_keeps_it_on_several_threads() {
    let report = contract::run_all(|| async {
        let clock = FakeClock::new();
        Subject::new(Arc::new(memory(&clock)), Time::Fake(clock))
    })
    .await;
    report.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn a_faulty_provider_without_a_fault_keeps_the_contract() {
    faulty(|_| {}).await.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_keeps_the_contract() {
    // Twenty thousand milliseconds of flooding are still within a check's patience.
    faulty(|provider| provider.inject(Fault::Delay(Duration::from_millis(1)))).await.assert_kept();
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_forgets_is_caught() {
    let report = faulty(|provider| provider.inject(Fault::DropWrites)).await;
    let broken = broken(&report);
    for name in [
        "a_write_is_read_at_once",
        "the_later_call_wins",
        "a_batch_equals_its_single_updates",
        "what_was_stored_is_there_after_a_reconnect",
        "every_subscriber_gets_every_change",
    ] {
        assert!(broken.contains(&name), "{name} is not among {broken:?}");
    }
    assert!(!broken.contains(&"a_cold_start_gives_none"));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_caught_and_not_waited_for() {
    let report = faulty(|provider| provider.inject(Fault::Hang)).await;
    assert_eq!(broken(&report).len(), contract::CHECKS.len(), "{report}");
    assert!(report.to_string().contains("it did not end within 30s"));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_caught() {
    let report = faulty(|provider| provider.flap([(Fault::None, 1), (Fault::Fail, u32::MAX)])).await;
    assert!(broken(&report).contains(&"a_cold_start_gives_none"), "{report}");
}

mod liars {
    //! Providers that break one promise each.

    use super::*;
    use atrion_state::{
        BoxFuture, Capabilities, MessageDirection, MessageResult, Observer, PhysicsVector, ProviderError,
        ProviderStats, RouteId, forward_provider,
    };

    /// Passes everything to a good provider, and what it gives through a twist.
    #[derive(Debug)]
    struct Twisted {
        inner: InMemoryProvider,
        durable: bool,
        stranger: Option<(RouteId, PhysicsVector)>,
        twist: fn(PhysicsVector) -> PhysicsVector,
    }

    impl Twisted {
        fn over(inner: InMemoryProvider) -> Self {
            Self { inner, durable: false, stranger: None, twist: |vector| vector }
        }
    }

    impl StateProvider for Twisted {
        forward_provider!(self => self.inner, connect, disconnect, update_vector);

        fn capabilities(&self) -> Capabilities {
            Capabilities::new("twisted").durable(self.durable)
        }
        fn get_vector<'a>(
            &'a self,
            route: &'a RouteId,
        ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
            Box::pin(async move { Ok(self.inner.get_vector(route).await?.map(self.twist)) })
        }
        fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
            Box::pin(async { Ok(self.stranger.iter().cloned().collect()) })
        }
    }

    async fn twisted(twist: fn(PhysicsVector) -> PhysicsVector) -> Report {
        contract::run_all(|| async {
            let clock = FakeClock::new();
            Subject::new(Arc::new(Twisted { twist, ..Twisted::over(memory(&clock)) }), Time::Fake(clock))
        })
        .await
    }

    /// Keeps every observer, counts backwards, and has a name that no metric can carry.
    #[derive(Debug)]
    struct Gossip {
        inner: InMemoryProvider,
        heard_by: Mutex<Vec<Listener>>,
        left: AtomicU64,
    }

    struct Listener(#[allow(dead_code, reason = "kept for the sake of keeping it")] Arc<dyn Observer>);

    impl std::fmt::Debug for Listener {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a listener")
        }
    }

    impl StateProvider for Gossip {
        forward_provider!(self => self.inner, connect, disconnect, get_vector, update_vector);

        fn capabilities(&self) -> Capabilities {
            Capabilities::new("gossip")
        }
        fn attach(&self, observer: Arc<dyn Observer>) {
            lock(&self.heard_by).push(Listener(observer));
        }
        fn stats(&self) -> Vec<ProviderStats> {
            let left = self.left.fetch_sub(1, Ordering::Relaxed);
            let stats = ProviderStats::new("No Name");
            vec![stats.messages(MessageDirection::Sent, MessageResult::Accepted, left)]
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_keeps_observers_and_counts_backwards_is_caught() {
        let report = contract::run_all(|| async {
            let clock = FakeClock::new();
            let (inner, heard_by, left) = (memory(&clock), Mutex::default(), AtomicU64::new(1_000));
            Subject::new(Arc::new(Gossip { inner, heard_by, left }), Time::Fake(clock))
        })
        .await;
        assert_eq!(
            broken(&report),
            [
                "an_observer_that_comes_later_replaces_the_earlier",
                "the_same_stores_come_in_the_same_order",
                "counts_never_go_back"
            ],
            "{report}"
        );
    }

    /// A store that says that it is durable, opened over `disk`, which outlives a provider only if
    /// `keeps`.
    async fn durable(keeps: bool) -> Report {
        contract::run_all(|| async {
            let clock = FakeClock::new();
            let time = Time::Fake(clock.clone());
            let disk = memory(&clock);
            let open = move || -> Arc<dyn StateProvider> {
                let inner = if keeps { disk.clone() } else { memory(&clock) };
                Arc::new(Twisted { durable: true, ..Twisted::over(inner) })
            };
            Subject::opened_by(open, time)
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_durable_store_that_writes_nothing_is_caught() {
        durable(true).await.assert_kept();
        let report = durable(false).await;
        assert_eq!(broken(&report), [OPENED_AGAIN], "{report}");
        assert!(report.to_string().contains("it was stored in memory alone"), "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn durability_that_the_suite_cannot_see_is_not_believed() {
        let report = contract::run_all(|| async {
            let clock = FakeClock::new();
            let provider = Twisted { durable: true, ..Twisted::over(memory(&clock)) };
            Subject::new(Arc::new(provider), Time::Fake(clock))
        })
        .await;
        assert_eq!(broken(&report), [OPENED_AGAIN], "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_warm_start_with_routes_of_others_is_caught() {
        let report = contract::run_all(|| async {
            let clock = FakeClock::new();
            let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::ZERO);
            let stranger = Some((RouteId::new("of-another-node").unwrap(), vector));
            let provider = Twisted { stranger, ..Twisted::over(memory(&clock)) };
            Subject::new(Arc::new(provider), Time::Fake(clock))
        })
        .await;
        assert_eq!(broken(&report), ["a_warm_start_lists_each_own_route_once_or_none"], "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_provided_methods_keep_the_contract() {
        twisted(|vector| vector).await.assert_kept();
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_decays_scars_is_caught() {
        let report = twisted(|mut vector| {
            vector.scar_tissue = vector.aged_scar();
            vector
        })
        .await;
        assert!(broken(&report).contains(&"age_grows_and_nothing_else_changes"), "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_forgets_ages_is_caught() {
        let report = twisted(|vector| vector.with_age(Duration::ZERO)).await;
        let broken = broken(&report);
        assert!(broken.contains(&"age_grows_and_nothing_else_changes"), "{report}");
        assert!(broken.contains(&"an_age_that_was_given_is_carried"), "{report}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_panics_is_caught_and_named() {
        let report = twisted(|_| panic!("corrupt row")).await;
        assert!(report.to_string().contains("it panicked"), "{report}");
    }
}
