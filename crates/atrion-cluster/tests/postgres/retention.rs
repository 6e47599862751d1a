// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Partitions and retention. Weeks pass because the time is a parameter of the database's function.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Mono, Wall};
use atrion_state::{FakeClock, StateProvider};

use super::world::{builder, connected, database, open, route, server, until, until_rows, vector};

/// A hundred days, one a call, with rows every day: there is always a partition to write to, and nothing is kept longer
/// than it has to be.
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

/// Of many nodes that start on an empty database one makes the partitions. The others have something to write meanwhile.
pub(crate) async fn who_finds_the_partitions_being_made_waits_for_them() {
    let (name, url) = database();
    let database = name.clone();
    let other = std::thread::spawn(move || {
        server().execute(&database, "select pg_advisory_lock(4708123001234), pg_sleep(2)").unwrap();
    });
    let held = "select count(*) from pg_locks where locktype = 'advisory' and database = \
                (select oid from pg_database where datname = current_database())";
    until_rows(server(), &name, held, "1").await;
    let adapter = connected(&url).await;
    adapter.update_vector(route("r"), open(9.0)).await.unwrap();
    adapter.flush().await.unwrap();
    other.join().unwrap();
    let stored = server().execute(&name, "select to_mode from atrion.mode_transition").unwrap();
    assert_eq!(stored, ["2"], "{:?}", adapter.stats());
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

/// A sample is due a minute after the connection at most; here its statement is shown to write what it should.
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
