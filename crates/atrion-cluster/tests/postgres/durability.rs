// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What "stored" means. Acknowledged is what `flush` or `disconnect` returned for: it is in the
//! server's log on disk. What a periodic write committed may be lost with the *server*, and is
//! written again by the node, which still has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use atrion_core::Mode;
use atrion_state::StateProvider;
use atrion_testbed::Postgres;

use super::world::{builder, open, route, until, until_rows, vector};

const ROUTES: usize = 300;

/// The server is killed again and again while a node writes and flushes. After each return of
/// `flush`, every row is at least as new as what was accepted before the call.
pub(crate) async fn what_was_acknowledged_survives_a_killed_server() {
    // The log is written to disk as late as can be, so that what did not wait for it is lost.
    let mut server = Postgres::builder().setting("wal_writer_delay", "10s").start().unwrap();
    let url = server.create_database("one").unwrap();
    let adapter = Arc::new(builder(&url).write_behind(Duration::from_millis(100)).build().unwrap());
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;

    let (round, acknowledged) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (adapter, round, acknowledged, stop) =
            (adapter.clone(), round.clone(), acknowledged.clone(), stop.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let now = round.fetch_add(1, Ordering::SeqCst) + 1;
                for nth in 0..ROUTES {
                    let number = now as f64;
                    adapter
                        .update_vector(route(&format!("r{nth}")), vector(Mode::Operational, number))
                        .await
                        .unwrap();
                }
                if adapter.flush().await.is_ok() {
                    acknowledged.store(now, Ordering::SeqCst);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    let mut kills = Vec::new();
    for nth in 0..4u64 {
        let before = acknowledged.load(Ordering::SeqCst);
        until("something is acknowledged", || acknowledged.load(Ordering::SeqCst) > before + 2).await;
        // Somewhere in a flush: they follow each other without a pause.
        tokio::time::sleep(Duration::from_millis(3 * nth)).await;
        server.kill();
        let promised = acknowledged.load(Ordering::SeqCst);
        server.restart().unwrap();
        let stored = server.execute("one", "select count(*), min(scar) from atrion.vector_current").unwrap();
        let (count, least) = stored[0].split_once('|').unwrap();
        let least: f64 = least.parse().unwrap();
        assert_eq!(count, ROUTES.to_string());
        assert!(least >= promised as f64, "round {promised} was acknowledged, and the server has {least}");
        kills.push((promised, least));
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    println!("acknowledged and found after each kill: {kills:?}");
    adapter.disconnect().await.unwrap();
}

/// Nothing is acknowledged here: the node writes behind, and the server dies. The node notices and
/// writes all again.
pub(crate) async fn what_was_not_is_written_again_after_a_killed_server() {
    // The log is written to disk as late as can be, so that much is lost.
    let mut server = Postgres::builder().setting("wal_writer_delay", "10s").start().unwrap();
    let url = server.create_database("one").unwrap();
    let adapter = builder(&url).write_behind(Duration::from_millis(100)).build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    for nth in 0..ROUTES {
        adapter.update_vector(route(&format!("r{nth}")), open(nth as f64)).await.unwrap();
    }
    let lag = || adapter.stats()[0].lag.unwrap();
    until("all is written", || lag().is_zero()).await;
    server.kill();
    server.restart().unwrap();
    let wanted = format!("{ROUTES}|{}", ROUTES - 1);
    until_rows(&server, "one", "select count(*), max(scar) from atrion.vector_current", &wanted).await;
    until("it is up again", || adapter.health().is_up()).await;
    adapter.disconnect().await.unwrap();
}

/// Whatever breaks in between, each change is there once: repeated writes find the same row.
pub(crate) async fn changes_of_modes_are_stored_once_each() {
    let mut server = Postgres::start().unwrap();
    let url = server.create_database("one").unwrap();
    let adapter = builder(&url).build().unwrap();
    adapter.connect().await.unwrap();
    until("it is up", || adapter.health().is_up()).await;
    let mut changes = 0;
    for nth in 0..200 {
        let mode = if nth % 2 == 0 { Mode::CircuitBreaker } else { Mode::Operational };
        adapter.update_vector(route("flaps"), vector(mode, 1.0)).await.unwrap();
        // The first is a change from bootstrap.
        changes += 1;
        if nth % 70 == 30 {
            let _ = tokio::time::timeout(Duration::from_millis(nth / 10), adapter.flush()).await;
            server.kill();
            server.restart().unwrap();
        }
    }
    until("it is stored", || adapter.health().is_up()).await;
    adapter.flush().await.unwrap();
    let stored =
        "select count(*), count(distinct seq), min(from_mode), max(to_mode) from atrion.mode_transition";
    assert_eq!(server.execute("one", stored).unwrap(), [format!("{changes}|{changes}|0|2")]);
    let order = "select count(*) from (select to_mode, lag(to_mode) over (order by at, seq) before, from_mode \
                 from atrion.mode_transition) t where before <> from_mode";
    assert_eq!(server.execute("one", order).unwrap(), ["0"], "they are in another order than they came");
    adapter.disconnect().await.unwrap();
}
