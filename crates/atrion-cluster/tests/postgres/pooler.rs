// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Behind PgBouncer, which gives each transaction the next connection. What `manual/persistence.md`
//! says of poolers.

use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::postgres::{Page, PostgresPersistenceAdapter};
use atrion_core::Mode;
use atrion_state::StateProvider;
use atrion_testbed::{PgBouncer, Postgres};

use super::world::{builder, connect_at_once, open, route, until, until_rows, vector};

const NODES: usize = 6;
/// Fewer than nodes, so that they have to share.
const CONNECTIONS: u16 = 3;

/// Everything that an adapter does: migrations of all nodes at once under an advisory lock, warm
/// starts, writes with settings of their own, partitions under another lock, questions about
/// history, and a server that is killed behind it.
pub(crate) async fn nodes_share_connections_that_change_with_each_transaction() {
    let mut server = Postgres::start().unwrap();
    server.create_database("one").unwrap();
    let pooler = PgBouncer::before(&server, CONNECTIONS).unwrap();
    println!("{}", pooler.version());
    let url = pooler.url("one");
    let node = |nth: usize| {
        let builder =
            builder(&url).node(format!("n{nth}")).pooled(true).write_behind(Duration::from_millis(100));
        Arc::new(builder.build().unwrap())
    };
    let nodes: Vec<Arc<PostgresPersistenceAdapter>> = (0..NODES).map(node).collect();
    connect_at_once(&nodes).await;
    let all_up = || nodes.iter().all(|node| node.health().is_up());

    let mut pids = std::collections::BTreeSet::new();
    for round in 1..=20u32 {
        for node in &nodes {
            for nth in 0..20 {
                let mode = if round == 1 { Mode::CircuitBreaker } else { Mode::Operational };
                let number = f64::from(round);
                node.update_vector(route(&format!("r{nth}")), vector(mode, number)).await.unwrap();
            }
        }
        for flushed in nodes.iter().map(|node| node.flush()) {
            flushed.await.unwrap();
        }
        let sessions =
            "select pid from pg_stat_activity where application_name = 'atrion' and pid <> pg_backend_pid()";
        pids.extend(server.execute("one", sessions).unwrap());
        assert!(all_up(), "{:?}", nodes.iter().map(|node| node.health()).collect::<Vec<_>>());
    }
    assert!(
        (2..=usize::from(CONNECTIONS)).contains(&pids.len()),
        "{NODES} nodes over the connections {pids:?}"
    );
    let stored = "select count(*), min(scar), max(scar), (select count(*) from atrion.mode_transition) from atrion.vector_current";
    assert_eq!(server.execute("one", stored).unwrap(), [format!("{}|20|20|{}", NODES * 20, NODES * 40)]);
    // Retention and partitions, once for all of them, though each asked.
    let partitions = "select count(*) from pg_inherits where inhparent = 'atrion.vector_history'::regclass";
    assert_eq!(server.execute("one", partitions).unwrap(), ["5"]);
    // Settings were of their transactions: a connection that is handed on carries none of them.
    let left = "select setting from pg_settings where name in ('statement_timeout', 'lock_timeout') and setting <> '0'";
    for _ in 0..2 * CONNECTIONS {
        assert!(server.execute("one", left).unwrap().is_empty());
    }
    let openings = nodes[0].history().unwrap();
    let range = openings.last(Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(openings.openings(range, None, &Page::first(1_000)).await.unwrap().rows.len(), NODES * 20);

    // Behind a pooler the client's connection outlives the server's.
    server.kill();
    nodes[1].update_vector(route("meanwhile"), open(9.0)).await.unwrap();
    server.restart().unwrap();
    until_rows(&server, "one", "select scar from atrion.vector_current where route = 'meanwhile'", "9").await;
    until("every node is up again", all_up).await;
    for node in &nodes {
        node.disconnect().await.unwrap();
    }
    let warm = node(3);
    warm.connect().await.unwrap();
    until("it is up", || warm.health().is_up()).await;
    assert_eq!(warm.warm_start().await.unwrap().len(), 20);
}

/// Why it has to be told: an old pooler does not carry prepared statements from connection to
/// connection.
pub(crate) async fn what_is_prepared_on_one_connection_is_not_there_on_the_next() {
    let server = Postgres::start().unwrap();
    server.create_database("one").unwrap();
    let pooler = PgBouncer::before(&server, CONNECTIONS).unwrap();
    let nodes: Vec<_> = (0..NODES)
        .map(|nth| {
            builder(&pooler.url("one")).node(format!("n{nth}")).write_behind(Duration::from_millis(100))
        })
        .map(|builder| builder.build().unwrap())
        .collect();
    let mut said = String::new();
    for node in &nodes {
        node.connect().await.unwrap();
    }
    for round in 0..30 {
        for node in &nodes {
            node.update_vector(route("a"), open(f64::from(round))).await.unwrap();
            if let Err(error) = node.flush().await {
                said = error.to_string();
            }
        }
    }
    println!("{}: {said:?}", pooler.version());
    // From 1.21 on PgBouncer may be configured to follow them (`max_prepared_statements`), and from
    // 1.24 on it does.
    assert!(said.is_empty() || said.contains("prepared statement"), "{said}");
}
