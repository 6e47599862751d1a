// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The measurements.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use atrion_cluster::postgres::{PostgresBuilder, PostgresPersistenceAdapter};
use atrion_core::{Mode, Ohms};
use atrion_license::{Tier, development};
use atrion_state::{DecayRate, PhysicsVector, RouteId, StateProvider, Weight};
use atrion_testbed::{Availability, Postgres, Redis, Server, availability};
use sqlx::{Connection as _, PgConnection};

use crate::pod::{Pod, Settings};

pub(crate) fn run() -> ExitCode {
    for server in [Server::Redis, Server::Postgres] {
        match availability(server) {
            Availability::Ready(_) => {}
            Availability::Required(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
            Availability::Ignored(why) => {
                eprintln!("nothing measured: {why}");
                return ExitCode::SUCCESS;
            }
            other => panic!("{other:?}"),
        }
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // As a server in production: what waits for the disk waits for the disk.
        let server =
            Postgres::builder().setting("fsync", "on").setting("shared_buffers", "128MB").start().unwrap();
        writing(&server, if quick { 5 } else { 30 }).await;
        starting(&server).await;
        sizes(&server);
        restarting(&server);
    });
    ExitCode::SUCCESS
}

fn figure(name: &str, value: f64, says: &str) {
    println!(r#"{{"figure":"persistence/{name}","value":{value:?}}}"#);
    eprintln!("{says}");
}

fn builder(url: &str) -> PostgresBuilder {
    let license = development::key(Tier::Pro).unwrap();
    PostgresPersistenceAdapter::builder().url(url).cluster("shop").node("pod-0").license(license)
}

async fn connected(url: &str) -> PostgresPersistenceAdapter {
    let adapter = builder(url).build().unwrap();
    adapter.connect().await.unwrap();
    while adapter.warm_start().await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    adapter
}

fn name(nth: usize) -> RouteId {
    RouteId::new(&format!("svc-{:03}/api/v1/route-{nth:05}", nth % 20)).unwrap()
}

const ROUTES: usize = 1_000;

/// A thousand rows in one statement, durable, beside the same rows one by one in one transaction,
/// and one by one each for itself: over the same kind of connection to the same server.
async fn writing(server: &Postgres, rounds: u32) {
    let url = server.create_database("writing").unwrap();
    let adapter = connected(&url).await;
    let vector = |scar: f64| {
        PhysicsVector::new(Mode::Operational, Ohms::saturating(40.0), Ohms::saturating(scar))
            .with_decay_rate(DecayRate::saturating(0.1))
            .with_weight(Weight::FULL)
    };
    let mut batches = Vec::new();
    for round in 0..=rounds {
        let batch: Vec<_> = (0..ROUTES).map(|nth| (name(nth), vector(f64::from(round)))).collect();
        adapter.update_batch(&batch).await.unwrap();
        let begin = Instant::now();
        adapter.flush().await.unwrap();
        batches.push(begin.elapsed());
    }
    let batch = median(&mut batches[1..]);
    let rate = ROUTES as f64 / batch.as_secs_f64();
    figure(
        "upsert_rows_per_s",
        rate,
        &format!("1,000 rows, durable: {batch:?}, {rate:.0} rows/s on one connection"),
    );

    let mut connection = PgConnection::connect(&url).await.unwrap();
    let begin = Instant::now();
    let single = "insert into atrion.vector_current values ('shop', $1, 'pod-1', 1, $2, 1, 1, 40, 0, 1, 0.1, clock_timestamp()) \
                  on conflict(cluster,route,node) do update set seq = excluded.seq, scar = excluded.scar, at = excluded.at";
    let singles = ROUTES as u32 / 4;
    for nth in 0..singles {
        sqlx::query(single)
            .bind(name(nth as usize).as_str())
            .bind(i64::from(nth))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let each = begin.elapsed() / singles;
    let factor = each.as_secs_f64() / (batch.as_secs_f64() / ROUTES as f64);
    figure(
        "single_over_batched",
        factor,
        &format!("the same row by row, durable: {each:?} a row, {factor:.0} times as long"),
    );

    adapter.disconnect().await.unwrap();
    let hot = server
        .execute("writing", "select pg_sleep(1); select n_tup_hot_upd::float8 / greatest(1, n_tup_upd) from pg_stat_user_tables where relname = 'vector_current'")
        .unwrap();
    let hot: f64 = hot.last().unwrap().parse().unwrap();
    figure("hot_share", hot, &format!("updates that stay on their page: {:.0} %", 100.0 * hot));
}

/// Connecting and reading: a thousand own rows among 50,000 of a fleet, and 50,000 own ones.
async fn starting(server: &Postgres) {
    for (figure_name, nodes, routes, says) in [
        ("warm_start_fleet_ms", 50, 1_000, "1,000 own rows of 50,000"),
        ("warm_start_own_ms", 1, 50_000, "50,000 own rows"),
    ] {
        let url = server.create_database(figure_name).unwrap();
        connected(&url).await.disconnect().await.unwrap();
        server
            .execute(
                figure_name,
                &format!(
                    "insert into atrion.vector_current select 'shop', 'svc/api/v1/route-' || r, 'pod-' || n, 1, r, 50, 1, 40, \
                     0, 1, 0.1, clock_timestamp() from generate_series(0, {nodes} - 1) n, generate_series(1, {routes}) r"
                ),
            )
            .unwrap();
        server.execute(figure_name, "analyze atrion.vector_current").unwrap();
        let mut spans = Vec::new();
        for _ in 0..5 {
            let adapter = PostgresPersistenceAdapter::builder();
            let mut config = atrion_cluster::postgres::PostgresConfig::default();
            (config.url, config.cluster, config.node) = (url.clone(), "shop".to_owned(), "pod-0".to_owned());
            config.routes = 50_000;
            let adapter =
                adapter.config(config).license(development::key(Tier::Pro).unwrap()).build().unwrap();
            let begin = Instant::now();
            adapter.connect().await.unwrap();
            let rows = loop {
                match adapter.warm_start().await {
                    Ok(rows) => break rows.len(),
                    Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            };
            spans.push(begin.elapsed());
            assert_eq!(rows, routes);
            adapter.disconnect().await.unwrap();
        }
        let span = median(&mut spans);
        figure(figure_name, 1e3 * span.as_secs_f64(), &format!("connect and warm start, {says}: {span:?}"));
    }
}

/// An hour of samples of a thousand routes, indexes included.
fn sizes(server: &Postgres) {
    let run = |sql: &str| server.execute("writing", sql).unwrap();
    run("truncate atrion.vector_history");
    run(
        "insert into atrion.vector_history(cluster, route, node, at, scar, resistance, momentum, mode)
         select 'shop', 'svc-' || r % 20 || '/api/v1/route-' || r, 'pod-0', now() + m * interval '1 minute', 50, 90, 0, 1
         from generate_series(1, 60) m, generate_series(1, 1000) r",
    );
    let size = "select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'atrion.vector_history'::regclass";
    let bytes: f64 = run(size)[0].parse().unwrap();
    let row = bytes / 60_000.0;
    let day = row * 1_440.0 * 1_000.0 / 1e6;
    figure("history_bytes_per_row", row, &format!("history: {row:.0} bytes a sample with its index"));
    figure(
        "history_mb_per_day",
        day,
        &format!("1,000 routes that are ill all day: {day:.0} MB a day and node"),
    );
    let bytes: f64 = run("select pg_total_relation_size('atrion.vector_current')")[0].parse().unwrap();
    let rows: f64 = run("select count(*) from atrion.vector_current")[0].parse().unwrap();
    figure(
        "current_bytes_per_row",
        bytes / rows,
        &format!("vectors: {:.0} bytes a route and node, after many updates", bytes / rows),
    );
}

/// The same outage, lived through cold and warm by a process that is killed.
fn restarting(server: &Postgres) {
    let redis = Redis::start().unwrap();
    for (stores, has_redis, has_postgres) in
        [("redis", true, false), ("postgres", false, true), ("both", true, true)]
    {
        redis.command(["FLUSHALL"]).unwrap();
        let database = format!("restart_{stores}");
        let url = server.create_database(&database).unwrap();
        let settings = Settings {
            node: "pod-1".to_owned(),
            redis: has_redis.then(|| redis.url()),
            postgres: has_postgres.then_some(url),
        };
        let span = Duration::from_millis(1_500);
        let mut pod = Pod::start(&settings);
        let cold = pod.serve(span);
        pod.serve(Duration::from_millis(2_500));
        pod.kill();
        let mut pod = Pod::start(&settings);
        let warm = pod.serve(span);
        pod.stop();
        figure(&format!("failures_until_protected_cold_{stores}"), f64::from(cold.until_protected), "");
        figure(
            &format!("failures_until_protected_warm_{stores}"),
            f64::from(warm.until_protected),
            &format!(
                "restart in an outage over {stores}: failures until protected {} cold, {} warm; in {} requests {} cold, {} warm",
                cold.until_protected, warm.until_protected, cold.sent, cold.failed, warm.failed
            ),
        );
    }
}

fn median(spans: &mut [Duration]) -> Duration {
    spans.sort();
    spans[spans.len() / 2]
}
