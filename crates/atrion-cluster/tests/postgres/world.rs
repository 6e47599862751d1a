// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the tests share: one server for those that do not harm it, adapters, vectors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use atrion_cluster::postgres::{PostgresBuilder, PostgresPersistenceAdapter};
use atrion_core::{Mode, Ohms};
use atrion_license::{Tier, development};
use atrion_state::{DecayRate, PhysicsVector, RouteId, StateProvider, Weight};
use atrion_testbed::Postgres;

/// The server of all tests that leave it well.
pub(crate) fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::builder().setting("max_connections", "150").start().unwrap())
}

/// A fresh database on it: its name and its URL.
pub(crate) fn database() -> (String, String) {
    let name = fresh("db");
    let url = server().create_database(&name).unwrap();
    (name, url)
}

pub(crate) fn fresh(stem: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{stem}{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A licensed adapter of the node `a` in the cluster `shop`, which the test may change.
pub(crate) fn builder(url: &str) -> PostgresBuilder {
    let license = development::key(Tier::Pro).unwrap();
    PostgresPersistenceAdapter::builder().url(url).cluster("shop").node("a").license(license)
}

pub(crate) async fn connected(url: &str) -> PostgresPersistenceAdapter {
    let adapter = builder(url).build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    adapter
}

/// Connects them all at once, and returns when each of them is up.
pub(crate) async fn connect_at_once(nodes: &[Arc<PostgresPersistenceAdapter>]) {
    let connect = |node: &Arc<PostgresPersistenceAdapter>| {
        let node = Arc::clone(node);
        tokio::spawn(async move { node.connect().await })
    };
    let connects: Vec<_> = nodes.iter().map(connect).collect();
    for connect in connects {
        connect.await.unwrap().unwrap();
    }
    until("every node is up", || nodes.iter().all(|node| node.health().is_up())).await;
}

pub(crate) fn route(name: &str) -> RouteId {
    RouteId::new(name).unwrap()
}

pub(crate) fn vector(mode: Mode, scar: f64) -> PhysicsVector {
    PhysicsVector::new(mode, Ohms::saturating(30.0), Ohms::saturating(scar))
        .with_decay_rate(DecayRate::saturating(0.01))
        .with_weight(Weight::FULL)
}

pub(crate) fn open(scar: f64) -> PhysicsVector {
    vector(Mode::CircuitBreaker, scar)
}

/// Waits for a condition; the deadline is for machines that are busy with other things.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The same for one that asks the database.
pub(crate) async fn until_rows(server: &Postgres, database: &str, sql: &str, wanted: &str) {
    let mut last = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        last = server.execute(database, sql).unwrap_or_default();
        if last.join("\n") == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: `{sql}` is {wanted:?}, it is {last:?}");
}
