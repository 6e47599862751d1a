// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A database that hangs, is slow, refuses or is not there: the adapter's operations answer as
//! quickly as ever, its state says what is wrong, and all is stored when the database is well
//! again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_cluster::postgres::PostgresPersistenceAdapter;
use atrion_core::Mode;
use atrion_state::{Event, StateProvider};
use atrion_testbed::{Postgres, Proxy};
use atrion_testkit::RecordingObserver;

use super::world::{builder, connected, database, open, route, server, until, until_rows, vector};

/// None of the operations that a pulse waits for takes a noticeable time: they touch memory alone.
/// Generous, because a busy machine takes a thread away for long; a second would mean that a call
/// waits for the database.
const AT_ONCE: Duration = Duration::from_millis(500);

pub(crate) async fn uses(adapter: &PostgresPersistenceAdapter, number: f64) {
    let begin = Instant::now();
    for nth in 0..100 {
        adapter.update_vector(route(&format!("r{nth}")), vector(Mode::Operational, number)).await.unwrap();
        adapter.get_vector(&route(&format!("r{nth}"))).await.unwrap().unwrap();
    }
    let _ = (adapter.health(), adapter.stats());
    assert!(begin.elapsed() < AT_ONCE, "100 updates took {:?}", begin.elapsed());
}

pub(crate) async fn a_stopped_server_delays_no_call() {
    let server = Postgres::start().unwrap();
    let url = server.create_database("one").unwrap();
    let adapter = builder(&url).write_behind(Duration::from_millis(100)).build().unwrap();
    let observer = Arc::new(RecordingObserver::new());
    adapter.attach(observer.clone());
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    uses(&adapter, 1.0).await;
    adapter.flush().await.unwrap();
    // Partitions and the like are done: what it does from now on is to write.
    let upkept = "select count(*) > 0 from pg_inherits";
    until_rows(&server, "one", upkept, "t").await;

    server.stop();
    uses(&adapter, 2.0).await;
    until("it is degraded", || !adapter.health().is_up()).await;
    uses(&adapter, 3.0).await;
    assert!(adapter.stats()[0].lag.unwrap() > Duration::ZERO);

    server.cont();
    until("it is up", || adapter.health().is_up()).await;
    until("all is stored", || adapter.stats()[0].lag.unwrap().is_zero()).await;
    assert_eq!(
        server.execute("one", "select min(scar), count(*) from atrion.vector_current").unwrap(),
        ["3|100"]
    );

    let events = observer.events();
    let degraded = events.iter().filter(|event| matches!(event, Event::ProviderDegraded { .. })).count();
    let recovered = events.iter().filter(|event| matches!(event, Event::ProviderRecovered { .. })).count();
    assert_eq!((degraded, recovered), (1, 1), "one event for each change, not for each attempt");

    // An end in front of a server that hangs is an error in two seconds, and no more than that.
    server.stop();
    uses(&adapter, 4.0).await;
    let begin = Instant::now();
    let ended = adapter.disconnect().await;
    assert!(
        ended.is_err() && begin.elapsed() < Duration::from_secs(4),
        "{ended:?} after {:?}",
        begin.elapsed()
    );
    server.cont();
}

pub(crate) async fn a_slow_network_is_slow_and_a_held_one_is_noticed() {
    let server = Postgres::start().unwrap();
    server.create_database("one").unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let url = Postgres::url_at(proxy.address(), "postgres", Postgres::PASSWORD, "one");
    let adapter = builder(&url).write_behind(Duration::from_millis(100)).build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;

    proxy.delay(Duration::from_millis(100));
    uses(&adapter, 1.0).await;
    until("all is stored", || adapter.stats()[0].lag.unwrap().is_zero()).await;
    assert!(adapter.health().is_up(), "slow is not down: {:?}", adapter.health());

    proxy.restore();
    proxy.half_open();
    uses(&adapter, 2.0).await;
    until("it is degraded", || !adapter.health().is_up()).await;
    proxy.restore();
    until("it is up", || adapter.health().is_up()).await;

    proxy.cut();
    uses(&adapter, 3.0).await;
    until("it is degraded", || !adapter.health().is_up()).await;
    proxy.restore();
    until("it is up", || adapter.health().is_up()).await;
    adapter.flush().await.unwrap();
    assert_eq!(
        server.execute("one", "select min(scar), count(*) from atrion.vector_current").unwrap(),
        ["3|100"]
    );
    adapter.disconnect().await.unwrap();
}

pub(crate) async fn one_row_that_is_refused_keeps_no_other_from_being_stored() {
    let (name, url) = database();
    let adapter = connected(&url).await;
    // The database's owner was stricter than this adapter.
    let stricter = "alter table atrion.vector_current add constraint stricter check (route <> 'r57')";
    server().execute(&name, stricter).unwrap();
    uses(&adapter, 1.0).await;
    adapter.flush().await.unwrap();
    assert_eq!(server().execute(&name, "select count(*) from atrion.vector_current").unwrap(), ["99"]);
    let stats = adapter.stats();
    let refused = stats[0].messages.iter().find(|counted| counted.reason == Some("refused")).unwrap();
    assert_eq!(refused.count, 1);
    assert!(adapter.health().is_up());
    adapter.disconnect().await.unwrap();
}

pub(crate) async fn a_connection_limit_is_waited_out() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let role = super::world::fresh("limited");
    server().create_role(&role, "secret").unwrap();
    super::rights::grant(&name, &role);
    server().execute("postgres", &format!("alter role \"{role}\" connection limit 1")).unwrap();
    let url = server().url_as(&role, &name);
    let first = connected(&url).await;
    let second = builder(&url).node("b").build().unwrap();
    second.connect().await.unwrap();
    until("it is told", || format!("{:?}", second.health()).contains("too many connections")).await;
    uses(&second, 1.0).await;
    first.disconnect().await.unwrap();
    until("it is up", || second.health().is_up()).await;
    second.disconnect().await.unwrap();
    let stored = "select count(*) from atrion.vector_current where node = 'b'";
    assert_eq!(server().execute(&name, stored).unwrap(), ["100"]);
}

pub(crate) async fn no_server_at_the_start_is_a_cold_start() {
    let mut server = Postgres::start().unwrap();
    let url = server.create_database("one").unwrap();
    server.kill();
    let adapter = builder(&url).build().unwrap();
    let begin = Instant::now();
    adapter.connect().await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(!adapter.health().is_up());
    let cold = adapter.warm_start().await;
    assert!(cold.as_ref().is_err_and(|error| error.is_retryable()), "{cold:?}");
    adapter.update_vector(route("a"), open(7.0)).await.unwrap();
    assert!(adapter.get_vector(&route("a")).await.unwrap().is_some());
    server.restart().unwrap();
    until("it is up", || adapter.health().is_up()).await;
    adapter.disconnect().await.unwrap();
    assert_eq!(server.execute("one", "select scar from atrion.vector_current").unwrap(), ["7"]);
}
