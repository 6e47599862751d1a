// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A full disk: a small one that other files fill, and, where no disk can be mounted, files that
//! may not grow. Both are what PostgreSQL itself meets with and says, and both pass by themselves.

use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::postgres::PostgresPersistenceAdapter;
use atrion_engine::Atrion;
use atrion_state::{Event, Health, RouteId, StateProvider};
use atrion_testbed::Postgres;
use atrion_testkit::RecordingObserver;

use super::faults::uses;
use super::traffic::Traffic;
use super::world::{builder, open, route, until, until_rows};

pub(crate) async fn a_full_disk_passes() {
    let server = Postgres::builder().small_disk(32).start().unwrap();
    let place = format!("create tablespace small location '{}'", server.disk().unwrap().display());
    server.execute("postgres", &place).unwrap();
    server.execute("postgres", "create database one tablespace small").unwrap();
    let begin = |server: &Postgres| server.fill_disk().unwrap();
    let end = |server: &Postgres| server.free_disk().unwrap();
    passes(&server, "No space left on device", begin, end).await;
}

pub(crate) async fn files_that_may_not_grow_pass() {
    let server = Postgres::start().unwrap();
    server.create_database("one").unwrap();
    let begin = |server: &Postgres| {
        // Rows of another application, until the table is larger than a file of the log: that one
        // has to fit into the limit.
        let rows = "insert into atrion.vector_current select 'other', 'r' || n, repeat('n', 60), 1, n, 1, 1, 1, 0, 1, 0.1, \
                    clock_timestamp() from generate_series(1, 110000) n";
        server.execute("one", rows).unwrap();
        let size = server.execute("one", "select pg_relation_size('atrion.vector_current')").unwrap();
        let size: u64 = size[0].parse().unwrap();
        assert!(size > 16 << 20, "{size}");
        server.limit_files(Some(size)).unwrap();
    };
    let end = |server: &Postgres| server.limit_files(None).unwrap();
    passes(&server, "could not extend file", begin, end).await;
}

/// More than fits into the pages that are there, and fewer than the 4,096 changes of modes that may
/// wait.
const ROUTES: usize = 3_000;

/// What every full disk comes to. `cause` is what PostgreSQL says of it.
async fn passes(server: &Postgres, cause: &str, begin: impl Fn(&Postgres), end: impl Fn(&Postgres)) {
    let adapter = builder(&server.url("one")).write_behind(Duration::from_millis(100)).build().unwrap();
    let (adapter, observer) = (Arc::new(adapter), RecordingObserver::new());
    let atrion = Atrion::builder()
        .shared_provider(Arc::clone(&adapter) as _)
        .observer(Arc::new(observer.clone()))
        .connect()
        .await
        .unwrap();
    until("it is up", || adapter.health().is_up()).await;
    uses(&adapter, 1.0).await;
    adapter.flush().await.unwrap();
    // Partitions are made: what it does from now on is to write.
    until_rows(server, "one", "select count(*) > 0 from pg_inherits", "t").await;
    let traffic = Traffic::start(vec![atrion.route("checkout")]);

    begin(server);
    for nth in 0..ROUTES {
        adapter.update_vector(nth_route(nth), open(7.0)).await.unwrap();
    }
    let reason = || match adapter.health() {
        Health::Degraded { reason } => reason.to_string(),
        _ => String::new(),
    };
    until("it says what is wrong", || reason().contains(cause)).await;
    // Connections are welcome all the while, and nothing can be written over them: it is not well
    // because of that.
    let lag = || adapter.stats()[0].lag.unwrap();
    let before = lag();
    for _ in 0..20 {
        uses(&adapter, 2.0).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(reason().contains(cause), "{:?}", adapter.health());
    }
    assert!(lag() > before, "the gauge tells how far the database is behind");
    assert!(!adapter.stats()[0].health.is_up() && atrion.is_degraded());
    let events = |wanted: fn(&Event) -> bool| observer.events().iter().filter(|event| wanted(event)).count();
    let degraded = |event: &Event| matches!(event, Event::ProviderDegraded { provider: "postgres", .. });
    let recovered = |event: &Event| matches!(event, Event::ProviderRecovered { provider: "postgres", .. });
    assert_eq!(
        (events(degraded), events(recovered)),
        (1, 0),
        "one event for the change, not for each attempt"
    );

    end(server);
    until("it is up again by itself", || adapter.health().is_up()).await;
    until("all is stored", || lag().is_zero()).await;
    assert_eq!((events(degraded), events(recovered)), (1, 1));
    let told = observer.events().into_iter().find_map(|event| match event {
        Event::ProviderDegraded { provider: "postgres", error } => Some(error.to_string()),
        _ => None,
    });
    assert!(told.as_ref().is_some_and(|told| told.contains(cause)), "{told:?}");
    // Nothing is lost: neither the latest of each vector, nor any change of a mode, nor the memory
    // of the process.
    adapter.flush().await.unwrap();
    let rows = "select count(*) filter (where route like 'r%' and scar = 2), count(*) filter (where route like 'api/a%' and scar = 7) \
                from atrion.vector_current where cluster = 'shop'";
    assert_eq!(server.execute("one", rows).unwrap(), ["100|3000"]);
    let changes = "select count(*), count(distinct route) from atrion.mode_transition where route like 'api/a%' and to_mode = 2";
    assert_eq!(server.execute("one", changes).unwrap(), ["3000|3000"]);
    knows_all(&adapter).await;

    let admissions = traffic.report();
    traffic.stop();
    println!("{cause}: {admissions:?}");
    assert!(admissions.admitted > 1_000 && admissions.refused == 0, "{admissions:?}");
    // Something would have to be badly wrong: the machine may be busy with other things.
    let limits = (Duration::from_millis(50), Duration::from_secs(5));
    assert!(admissions.p99 < limits.0 && admissions.worst < limits.1, "{admissions:?}");
    atrion.shutdown().await;
}

async fn knows_all(adapter: &PostgresPersistenceAdapter) {
    for nth in 0..ROUTES {
        let known = adapter.get_vector(&nth_route(nth)).await.unwrap();
        assert!(known.is_some_and(|known| known.scar_tissue.get() == 7.0), "{nth}: {known:?}");
    }
}

fn nth_route(nth: usize) -> RouteId {
    route(&format!("api/a-longer-name-than-most/{nth:05}"))
}
