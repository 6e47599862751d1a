// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The port's contract, and what only a database can show of it.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Ohms, Wall};
use atrion_license::{Sources, Watch};
use atrion_state::{DecayRate, LeaseRecord, MomentumRate, PhysicsVector, StateProvider, Weight};
use atrion_testkit::contract::{self, Subject, Time};

use super::world::{builder, connected, database, fresh, route, server, until};

pub(crate) async fn the_adapter_keeps_the_contract() {
    let (_, url) = database();
    let report = contract::run_all(|| async {
        // A cluster of its own is an empty store.
        let (url, cluster) = (url.clone(), fresh("contract"));
        let open =
            move || -> Arc<dyn StateProvider> { Arc::new(builder(&url).cluster(&cluster).build().unwrap()) };
        Subject::opened_by(open, Time::Real)
    })
    .await;
    report.assert_kept();
    let skipped: Vec<_> = report.skipped().map(|entry| entry.name).collect();
    assert!(
        !skipped.is_empty() && skipped.iter().all(|name| name.contains("subscri") || name.contains("peer")),
        "{skipped:?}"
    );
}

pub(crate) async fn without_a_license_it_keeps_the_contract_in_memory() {
    let unlicensed = || {
        let nowhere = Watch::from(Sources::file("/nowhere/atrion.key"));
        builder("postgres://nobody@127.0.0.1:1/nothing").license(nowhere)
    };
    assert!(unlicensed().build_strict().is_err());
    let adapter = unlicensed().build().unwrap();
    adapter.connect().await.unwrap();
    adapter.update_vector(route("a"), super::world::open(5.0)).await.unwrap();
    assert!(adapter.get_vector(&route("a")).await.unwrap().is_some());
    assert!(adapter.get_vector(&route("b")).await.unwrap().is_none(), "a cold start, not an error");
    assert!(adapter.warm_start().await.is_ok());
    assert!(format!("{:?}", adapter.health()).contains("license"), "{:?}", adapter.health());
    assert!(adapter.flush().await.is_err(), "nothing was stored, and it says so");
    adapter.disconnect().await.unwrap();
}

/// A node that died had jobs in hand: its next life knows, and no other node does. A row that is no
/// lease is left out.
pub(crate) async fn a_new_life_knows_which_leases_the_earlier_one_has_lost() {
    let (name, url) = database();
    let held = |lease, owner: &str| LeaseRecord {
        route: route("jobs"),
        lease,
        owner: owner.into(),
        since: Wall::from_millis(1_800_000_000_123),
        beat: Wall::from_millis(1_800_000_004_567),
        progress: Some(0.1 + 0.2),
        lost: None,
    };
    let first = connected(&url).await;
    first.keep_leases(&[held(1, "clip\0 1"), held(2, "'; drop schema atrion cascade; --")]).await.unwrap();
    first.disconnect().await.unwrap();
    let rubbish = "insert into atrion.lease select cluster, node, 'infinity', 9, '', 'x', 'infinity' from atrion.lease limit 1";
    server().execute(&name, rubbish).unwrap();
    let second = connected(&url).await;
    let expected = [held(1, "clip\u{fffd} 1"), held(2, "'; drop schema atrion cascade; --")];
    assert_eq!(second.kept_leases().await.unwrap(), expected);
    let other = builder(&url).node("another").build().unwrap();
    other.connect().await.unwrap();
    assert!(other.kept_leases().await.unwrap().is_empty());
    other.keep_leases(&[]).await.unwrap();
    assert_eq!(second.kept_leases().await.unwrap(), expected);
    // A role that may not read the table stores all else.
    server().execute(&name, "alter table atrion.lease rename to gone").unwrap();
    assert!(second.keep_leases(&[]).await.is_err());
    second.update_vector(route("a"), super::world::open(5.0)).await.unwrap();
    second.flush().await.unwrap();
    assert!(second.health().is_up(), "{:?}", second.health());
    other.disconnect().await.unwrap();
    second.disconnect().await.unwrap();
}

pub(crate) async fn a_new_life_finds_what_the_earlier_one_stored() {
    let (_, url) = database();
    let first = connected(&url).await;
    let stored =
        PhysicsVector::new(Mode::CircuitBreaker, Ohms::saturating(41.5), Ohms::saturating(0.1 + 0.2))
            .with_momentum(MomentumRate::saturating(0.5))
            .with_weight(Weight::from_255ths(77))
            .with_decay_rate(DecayRate::saturating(1.0 / 3.0))
            .with_timestamp(Wall::from_millis(1_767_960_000_123))
            .with_age(Duration::from_millis(12_345));
    let hostile =
        PhysicsVector::new(Mode::Operational, Ohms::saturating(f64::MAX), Ohms::saturating(f64::MAX))
            .with_momentum(MomentumRate::saturating(f64::MAX))
            .with_age(Duration::from_secs(20 * 3_600));
    let names = [
        "a",
        "A",
        "a ",
        "a%",
        "a\\",
        "a'",
        "ä",
        "a\u{308}",
        "東京",
        "{a}",
        "'; drop schema atrion cascade; --",
    ];
    for name in names {
        first.update_vector(route(name), stored).await.unwrap();
    }
    first.update_vector(route("hostile"), hostile).await.unwrap();
    // Older than anything that is kept: it is stored, and deleted soon.
    first.update_vector(route("ancient"), hostile.with_age(Duration::MAX)).await.unwrap();
    first.disconnect().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let second = connected(&url).await;
    let found = second.warm_start().await.unwrap();
    assert_eq!(found.iter().filter(|(route, _)| route.as_str() != "ancient").count(), names.len() + 1);
    for name in names {
        let got = second.get_vector(&route(name)).await.unwrap().expect(name);
        assert_eq!(got.scar_tissue.get().to_bits(), stored.scar_tissue.get().to_bits(), "{name}");
        assert_eq!(got.decay_rate.get().to_bits(), stored.decay_rate.get().to_bits());
        assert_eq!((got.mode, got.weight, got.resistance), (stored.mode, stored.weight, stored.resistance));
        let aged = stored.age + Duration::from_millis(50);
        assert!(got.age >= aged && got.age < aged + Duration::from_secs(30), "{:?}", got.age);
    }
    let got = second.get_vector(&route("hostile")).await.unwrap().unwrap();
    assert!(got.aged_scar().get().is_finite());
    // Another node finds nothing of it: hearsay is no memory.
    let other = builder(&url).node("b").build().unwrap();
    other.connect().await.unwrap();
    until("b is up", || other.health().is_up()).await;
    assert!(other.warm_start().await.unwrap().is_empty());
    assert!(other.get_vector(&route("a")).await.unwrap().is_none());
}
