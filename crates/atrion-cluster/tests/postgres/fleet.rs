// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Many nodes, their clocks, and two of one name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_core::{Mode, Mono, Wall};
use atrion_state::{FakeClock, RouteId, StateProvider};

use super::world::{builder, connected, database, open, route, server, until, vector};

/// What a fleet of 50 nodes with 1,000 routes each writes every ten seconds in the worst case, here
/// as fast as it goes.
pub(crate) async fn fifty_nodes_of_a_thousand_routes() {
    const NODES: usize = 50;
    const ROUTES: usize = 1_000;
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let names: Arc<Vec<RouteId>> =
        Arc::new((0..ROUTES).map(|nth| route(&format!("svc/api/route-{nth:04}"))).collect());
    let mut nodes = Vec::new();
    for nth in 0..NODES {
        let adapter = builder(&url).node(format!("pod-{nth}")).build().unwrap();
        adapter.connect().await.unwrap();
        nodes.push(Arc::new(adapter));
    }
    for node in &nodes {
        until("every node is up", || node.health().is_up()).await;
    }
    let begin = Instant::now();
    let mut rounds = Vec::new();
    for round in 1..=2 {
        let writes: Vec<_> = nodes
            .iter()
            .map(|node| {
                let (node, names) = (Arc::clone(node), Arc::clone(&names));
                tokio::spawn(async move {
                    let batch: Vec<_> = names
                        .iter()
                        .map(|name| (name.clone(), vector(Mode::Operational, f64::from(round))))
                        .collect();
                    node.update_batch(&batch).await.unwrap();
                    // All at once is worse than it gets: a busy machine may take longer than a
                    // statement may.
                    while node.flush().await.is_err() {}
                })
            })
            .collect();
        for write in writes {
            write.await.unwrap();
        }
        rounds.push(begin.elapsed());
    }
    let stored = "select count(*), min(scar), count(distinct node) from atrion.vector_current";
    assert_eq!(server().execute(&name, stored).unwrap(), [format!("{}|2|{NODES}", NODES * ROUTES)]);
    println!("{NODES} nodes of {ROUTES} routes, twice: {rounds:?}");
    for node in nodes {
        node.disconnect().await.unwrap();
    }
    let warm = builder(&url).node("pod-7").build().unwrap();
    warm.connect().await.unwrap();
    until("it is warm", || warm.health().is_up()).await;
    assert_eq!(warm.warm_start().await.unwrap().len(), ROUTES);
}

fn clock(wall: u64) -> FakeClock {
    FakeClock::at(Mono::from_nanos(1), Wall::from_millis(wall))
}

/// Ages are spans of the database's clock, lives are ordered by what the database has: a node's own
/// date decides nothing.
pub(crate) async fn clocks_that_differ_by_a_day_change_nothing() {
    const DAY: u64 = 86_400_000;
    let now = 1_800_000_000_000;
    let (name, url) = database();
    // The first life believes that it is tomorrow, the second that it is yesterday, the third that
    // it is 1970.
    for (wall, scar) in [(now + DAY, 1.0), (now - DAY, 2.0), (0, 3.0)] {
        let adapter = builder(&url).clock(Arc::new(clock(wall))).build().unwrap();
        adapter.connect().await.unwrap();
        until("it is up", || adapter.health().is_up()).await;
        if scar > 1.0 {
            let earlier = adapter.get_vector(&route("a")).await.unwrap().unwrap();
            assert!((earlier.scar_tissue.get() - (scar - 1.0)).abs() < 1e-9);
            assert!(earlier.age < Duration::from_secs(60), "{:?}", earlier.age);
        }
        adapter.update_vector(route("a"), open(scar)).await.unwrap();
        adapter.disconnect().await.unwrap();
        assert_eq!(
            server().execute(&name, "select scar from atrion.vector_current").unwrap(),
            [scar.to_string()]
        );
    }
    let dates =
        "select bool_and(abs(extract(epoch from clock_timestamp() - at)) < 120) from atrion.vector_current";
    assert_eq!(server().execute(&name, dates).unwrap(), ["t"]);
}

/// The later life has the name; what the earlier one still writes is not taken, and counted.
pub(crate) async fn two_processes_of_one_name_do_not_mix() {
    let (name, url) = database();
    let earlier = connected(&url).await;
    earlier.update_vector(route("a"), open(1.0)).await.unwrap();
    earlier.flush().await.unwrap();
    let later = connected(&url).await;
    later.update_vector(route("a"), open(2.0)).await.unwrap();
    later.flush().await.unwrap();
    earlier.update_vector(route("a"), open(3.0)).await.unwrap();
    earlier.flush().await.unwrap();
    assert_eq!(server().execute(&name, "select scar from atrion.vector_current").unwrap(), ["2"]);
    let stale = |adapter: &atrion_cluster::postgres::PostgresPersistenceAdapter| {
        let stats = adapter.stats();
        stats[0].messages.iter().find(|counted| counted.result.name() == "stale").unwrap().count
    };
    assert_eq!((stale(&earlier), stale(&later)), (1, 0));
}
