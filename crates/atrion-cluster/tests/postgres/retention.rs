// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Partitions and retention. Weeks pass because the time is a parameter of the database's function.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use atrion_core::{Mode, Mono, Wall};
use atrion_state::{Event, FakeClock, StateProvider};
use atrion_testkit::RecordingObserver;

use super::world::{builder, connected, database, open, route, server, until, until_rows, vector};

/// A hundred days, one a call, with rows every day: there is always a partition to write to, and
/// nothing is kept longer than it has to be.
pub(crate) async fn weeks_pass_and_partitions_come_and_go() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let run = |sql: &str| server().execute(&name, sql).unwrap();
    let counted = "select count(*) from pg_inherits where inhparent = 'atrion.vector_history'::regclass";
    run("do $$ declare day timestamptz; begin for nth in 0..100 loop
           day := date_trunc('day', now()) + interval '13 hours' + nth * interval '1 day';
           perform atrion.upkeep(day, 7, 90, 1000);
           for ahead in -1..3 loop
             insert into atrion.vector_history(cluster,route,node,at,scar,mode)
               values ('shop','r','a', day + ahead * interval '1 day', 1, 1);
             insert into atrion.mode_transition(cluster,route,node,at,incarnation,seq,from_mode,to_mode)
               values ('shop','r','a', day + ahead * interval '1 day', 1, nth * 10 + ahead, 1, 2);
           end loop;
         end loop; end $$");
    // Seven days, today, and three ahead; ninety of the changes of modes.
    assert_eq!(run(counted), ["11"]);
    assert_eq!(run(&counted.replace("vector_history", "mode_transition")), ["94"]);
    let oldest = |table: &str| {
        run(&format!(
            "select (date_trunc('day', now()) + interval '100 days')::date - min(at)::date from atrion.{table}"
        ))
    };
    assert_eq!(
        (oldest("vector_history"), oldest("mode_transition")),
        (vec!["7".to_owned()], vec!["90".to_owned()])
    );
    // A second call on the same day has nothing to do.
    let again = "select created, dropped from atrion.upkeep(date_trunc('day', now()) + interval '100 days 14 hours', 7, 90, 1000)";
    assert_eq!(run(again), ["0|0"]);
}

/// A node that makes partitions, and gives up without one as soon as another node waits for
/// them.
struct Maker {
    database: String,
    session: JoinHandle<()>,
}

impl Maker {
    async fn at_work(database: &str) -> Self {
        // So that calls of the function are seen.
        server()
            .execute(database, &format!("alter database \"{database}\" set track_functions = 'pl'"))
            .unwrap();
        let name = database.to_owned();
        let session = std::thread::spawn(move || {
            // It ends with an error, which is all right.
            let _ = server().execute(&name, "select pg_advisory_lock(4708123001234), pg_sleep(120)");
        });
        let held = format!("select count(*) {LOCKS}");
        until_rows(server(), database, &held, "1").await;
        Self { database: database.to_owned(), session }
    }

    async fn gives_up(self) {
        // One call comes with the connection, whatever there is to write.
        let awaited = "select calls > 3 from pg_stat_user_functions where funcname = 'upkeep'";
        until_rows(server(), &self.database, awaited, "t").await;
        server().execute(&self.database, &format!("select pg_terminate_backend(pid) {LOCKS}")).unwrap();
        self.session.join().unwrap();
    }
}

const LOCKS: &str = "from pg_locks where locktype = 'advisory' and objid = 4708123001234 % 4294967296 and database = \
                     (select oid from pg_database where datname = current_database())";

/// Of many nodes that start on an empty database one makes the partitions. The others have
/// something to write meanwhile.
pub(crate) async fn a_node_waits_for_partitions_that_another_makes() {
    let (name, url) = database();
    let maker = Maker::at_work(&name).await;
    let adapter = connected(&url).await;
    adapter.update_vector(route("r"), open(9.0)).await.unwrap();
    let (flushed, ()) = tokio::join!(adapter.flush(), maker.gives_up());
    flushed.unwrap();
    let stored = server().execute(&name, "select to_mode from atrion.mode_transition").unwrap();
    assert_eq!(stored, ["2"], "{:?}", adapter.stats());
    adapter.disconnect().await.unwrap();
}

/// The same where nothing but a sample has to be written, in the first minute of an empty database.
pub(crate) async fn a_sample_waits_for_its_partition_and_keeps_the_connection() {
    let (name, url) = database();
    let clock = FakeClock::at(Mono::from_nanos(1), Wall::from_millis(1));
    let adapter = builder(&url).clock(Arc::new(clock.clone())).build().unwrap();
    let maker = Maker::at_work(&name).await;
    let observer = Arc::new(RecordingObserver::new());
    adapter.attach(observer.clone());
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    // It still learns, so its mode has never changed.
    adapter.update_vector(route("new"), vector(Mode::Bootstrap, 50.0)).await.unwrap();
    clock.advance(Duration::from_secs(90));
    adapter.flush().await.unwrap();
    maker.gives_up().await;
    until_rows(server(), &name, "select route from atrion.vector_history", "new").await;
    let degraded = |event: &Event| matches!(event, Event::ProviderDegraded { .. });
    assert!(!observer.events().iter().any(degraded), "{:?}", observer.events());
    adapter.disconnect().await.unwrap();
}

pub(crate) async fn rows_of_nodes_that_are_gone_are_deleted() {
    let (name, url) = database();
    let adapter = connected(&url).await;
    adapter.disconnect().await.unwrap();
    let run = |sql: &str| server().execute(&name, sql).unwrap();
    run("insert into atrion.vector_current select 'shop', 'r' || n, 'gone', 1, n, 1, 1, 1, 0, 1, 0.1, \
         now() - interval '25 hours' from generate_series(1, 2500) n");
    run(
        "insert into atrion.vector_current values ('shop', 'r', 'here', 1, 1, 1, 1, 1, 0, 1, 0.1, now() - interval '23 hours')",
    );
    // In steps, so that no step holds its locks for long; the adapter's first upkeep does them all.
    assert_eq!(run("select deleted from atrion.upkeep(clock_timestamp(), 7, 90, 1000)"), ["1000"]);
    let adapter = connected(&url).await;
    until_rows(server(), &name, "select string_agg(node, ',') from atrion.vector_current", "here").await;
    adapter.disconnect().await.unwrap();
}

/// A sample is due a minute after the connection at most; here its statement is shown to write what
/// it should.
pub(crate) async fn samples_are_taken_of_what_is_not_well() {
    let (name, url) = database();
    let clock = FakeClock::at(Mono::from_nanos(1), Wall::from_millis(1));
    let adapter = builder(&url).clock(Arc::new(clock.clone())).build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    adapter.update_vector(route("ill"), open(50.0)).await.unwrap();
    adapter.update_vector(route("well"), vector(Mode::Operational, 0.0)).await.unwrap();
    for minute in 1..=3 {
        // Its clock is a minute and a half later; a flush makes the task look at it.
        clock.advance(Duration::from_secs(90));
        adapter.flush().await.unwrap();
        let samples = "select count(*), count(distinct route), min(route), count(distinct round(scar)) from atrion.vector_history";
        until_rows(server(), &name, samples, &format!("{minute}|1|ill|{minute}")).await;
    }
    adapter.disconnect().await.unwrap();
}
