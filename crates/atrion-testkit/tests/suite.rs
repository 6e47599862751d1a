// SPDX-License-Identifier: Apache-2.0
//! The suite itself: good providers keep the contract, and every kind of bad one is caught by name.
#![allow(missing_docs)] // a test's name says what it shows

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_state::{FakeClock, InMemoryProvider, NodeId, StateProvider, lock};
use atrion_testkit::contract::{self, Report, Subject, Time};
use atrion_testkit::{Fault, FaultyProvider, MemoryFleet};

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
    // Nobody shares it, so there is no peer to see.
    let skipped: Vec<_> = report.skipped().map(|entry| entry.name).collect();
    assert_eq!(skipped, ["a_peer_is_seen_sorted_and_aged"], "{report}");
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
    assert_eq!(report.skipped().count(), 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_it_on_several_threads_too() {
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
        ProviderStats, RouteId,
    };

    /// Passes everything to a good provider, and what it gives through a twist.
    #[derive(Debug)]
    struct Twisted {
        inner: InMemoryProvider,
        twist: fn(PhysicsVector) -> PhysicsVector,
    }

    impl StateProvider for Twisted {
        fn capabilities(&self) -> Capabilities {
            Capabilities::new("twisted")
        }
        fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
            self.inner.connect()
        }
        fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
            self.inner.disconnect()
        }
        fn get_vector<'a>(
            &'a self,
            route: &'a RouteId,
        ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
            Box::pin(async move { Ok(self.inner.get_vector(route).await?.map(self.twist)) })
        }
        fn update_vector(
            &self,
            route: RouteId,
            vector: PhysicsVector,
        ) -> BoxFuture<'_, Result<(), ProviderError>> {
            self.inner.update_vector(route, vector)
        }
    }

    async fn twisted(twist: fn(PhysicsVector) -> PhysicsVector) -> Report {
        contract::run_all(|| async {
            let clock = FakeClock::new();
            Subject::new(Arc::new(Twisted { inner: memory(&clock), twist }), Time::Fake(clock))
        })
        .await
    }

    /// Keeps whoever listens, counts the other way round, and has a name that no metric can carry.
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
        fn capabilities(&self) -> Capabilities {
            Capabilities::new("gossip")
        }
        fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
            self.inner.connect()
        }
        fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
            self.inner.disconnect()
        }
        fn get_vector<'a>(
            &'a self,
            route: &'a RouteId,
        ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
            self.inner.get_vector(route)
        }
        fn update_vector(
            &self,
            route: RouteId,
            vector: PhysicsVector,
        ) -> BoxFuture<'_, Result<(), ProviderError>> {
            self.inner.update_vector(route, vector)
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
    async fn a_provider_that_keeps_observers_and_one_whose_counts_go_back_are_caught() {
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
