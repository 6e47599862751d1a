// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a gate heard of its fleet is in the history for people, beside the node's own scar and
//! never in its place.

use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::LayeredProvider;
use atrion_cluster::postgres::{Page, TimeRange};
use atrion_core::{Mode, Mono, Ohms, Outcome, Tier, Wall};
use atrion_engine::Atrion;
use atrion_state::{FakeClock, MergedScars, NodeId, RouteId, StateProvider, SystemClock};
use atrion_testkit::MemoryFleet;

use super::world::{builder, database, open, route, server, until, until_rows, vector};

/// A gate that hears of one route alone.
struct Hears(&'static str, f64);

impl MergedScars for Hears {
    fn merged_scar(&self, route: &RouteId) -> Option<Ohms> {
        (route.as_str() == self.0).then(|| Ohms::saturating(self.1))
    }
}

pub(crate) async fn what_a_gate_heard_is_beside_the_own_scar() {
    let (name, url) = database();
    let clock = FakeClock::at(Mono::from_nanos(1), Wall::from_millis(1));
    let adapter = builder(&url).clock(Arc::new(clock.clone())).build().unwrap();
    adapter.attach_merged_scars(Arc::new(Hears("heard", 12.5)));
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    for on in ["heard", "alone"] {
        adapter.update_vector(route(on), open(50.0)).await.unwrap();
    }
    // What is attached later did not hear what came before.
    adapter.attach_merged_scars(Arc::new(Hears("heard", 7.25)));
    clock.advance(Duration::from_secs(90));
    adapter.flush().await.unwrap();
    let samples = "select string_agg(route || ' ' || coalesce(merged::text, 'null'), ',' order by route) from atrion.vector_history";
    until_rows(server(), &name, samples, "alone null,heard 7.25").await;
    let changes = "select string_agg(route || ' ' || scar || ' ' || coalesce(merged::text, 'null'), ',' order by route) from atrion.mode_transition";
    assert_eq!(server().execute(&name, changes).unwrap(), ["alone 50 null,heard 50 12.5"]);

    let (reader, all) = (adapter.history().unwrap(), Page::first(10));
    let range = TimeRange::between(Wall::from_millis(0), Wall::from_millis(4_000_000_000_000));
    let opened = reader.openings(range, Some("heard"), &all).await.unwrap().rows;
    let changed = reader.transitions(range, Some("alone"), &all).await.unwrap().rows;
    let sampled = reader.samples("heard", range, &all).await.unwrap().rows;
    assert_eq!((opened[0].merged, changed[0].merged, sampled[0].merged), (Some(12.5), None, Some(7.25)));
    assert!((opened[0].scar - 50.0).abs() < 1e-9);
    // What a next life finds as its own is its own.
    let kept = "select string_agg(scar::text, ',') from atrion.vector_current";
    assert_eq!(server().execute(&name, kept).unwrap(), ["50,50"]);
    adapter.disconnect().await.unwrap();
}

/// The engine says it by itself.
pub(crate) async fn an_engine_tells_what_its_gates_heard() {
    let (name, url) = database();
    let fleet = MemoryFleet::new(Arc::new(SystemClock));
    let peer = fleet.node(&NodeId::new("b").unwrap());
    peer.connect().await.unwrap();
    let store = Arc::new(builder(&url).build().unwrap());
    let layers: Vec<Arc<dyn StateProvider>> =
        vec![Arc::new(fleet.node(&NodeId::new("a").unwrap())), Arc::clone(&store) as _];
    let atrion = Atrion::builder().provider(LayeredProvider::new(layers).unwrap()).connect().await.unwrap();
    until("it is up", || store.health().is_up()).await;
    peer.update_vector(route("api/pay"), vector(Mode::Operational, 5.0)).await.unwrap();
    let pay = atrion.route("api/pay");
    until("the gate hears the peer", || pay.snapshot().terms.cluster.abs() > 0.1).await;
    until("the breaker opens", || {
        for _ in 0..20 {
            if let Ok(permit) = pay.admit(Tier::Critical) {
                permit.finish(Outcome::Failure);
            }
        }
        pay.mode() == Mode::CircuitBreaker
    })
    .await;
    until("it is stored", || store.stats()[0].lag.is_some_and(|lag| lag.is_zero())).await;
    atrion.shutdown().await;
    let opened = "select count(*), bool_and(merged > 0 and merged <> scar) from atrion.mode_transition where to_mode = 2";
    assert_eq!(server().execute(&name, opened).unwrap(), ["1|t"]);
}
