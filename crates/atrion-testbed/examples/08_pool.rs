// SPDX-License-Identifier: Apache-2.0
//! Lesson 8: a pool of connections under three times the load it can carry, on a PostgreSQL of its
//! own. First the pool stands alone, with a timeout; then a request waits for a permit before it asks
//! for a connection, and no timeout is ever needed.
//!
//! `cargo run -p atrion-testbed --example 08_pool`

use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion::{Atrion, Config, Outcome, Route, RouteConfig, Tier};
use atrion_testbed::Postgres;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

type Error = Box<dyn std::error::Error + Send + Sync>;

const CONNECTIONS: u32 = 5;
/// A query takes 20 ms, so the pool carries 250 a second.
const QUERY: &str = "select pg_sleep(0.02)";
const CAPACITY: f64 = 250.0;
/// After this time nobody wants the answer any more.
const DEADLINE: Duration = Duration::from_millis(500);
const SECONDS: u64 = 6;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(error) => {
            println!("no PostgreSQL to try it with: {error}");
            return Ok(());
        }
    };
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(CONNECTIONS)
        .acquire_timeout(DEADLINE)
        .connect(&Postgres::url_at(postgres.address(), "postgres", Postgres::PASSWORD, "postgres"))
        .await?;
    println!("three times the load for {SECONDS} s, {CONNECTIONS} connections, deadline {DEADLINE:?}");
    println!(
        "{:<22}{:>10}{:>10}{:>10}{:>12}{:>10}",
        "", "in time/s", "critical", "timeouts", "refused", "p99 ms"
    );
    under_load(&pool, None).await?.print("the pool's timeout");

    // As many as there are connections: nobody waits for one, and who waits for a permit waits by tier.
    let config = Config::default().route("pool", RouteConfig::default().cap(CONNECTIONS).slo(DEADLINE));
    let atrion = Atrion::builder().config(config).connect().await?;
    let route = atrion.route("pool");
    under_load(&pool, Some(route)).await?.print("acquire before it");
    atrion.shutdown().await;
    pool.close().await;
    Ok(())
}

enum End {
    InTime(Duration),
    Late,
    /// The pool gave no connection.
    TimedOut,
    /// The gate gave no permit.
    Refused,
}

/// With half of the deadline as its patience, and a connection that is there when it is asked for.
async fn request(pool: &PgPool, route: Option<&Route>, tier: Tier) -> Result<End, sqlx::Error> {
    let begin = Instant::now();
    let permit = match route {
        Some(route) => match route.acquire(tier).within(DEADLINE / 2).await {
            Ok(permit) => Some(permit),
            Err(_) => return Ok(End::Refused),
        },
        None => None,
    };
    let done = sqlx::query(QUERY).execute(pool).await;
    if let Some(permit) = permit {
        permit.finish(Outcome::of(&done));
    }
    match done {
        Ok(_) if begin.elapsed() <= DEADLINE => Ok(End::InTime(begin.elapsed())),
        Ok(_) => Ok(End::Late),
        Err(sqlx::Error::PoolTimedOut) => Ok(End::TimedOut),
        Err(error) => Err(error),
    }
}

#[derive(Default)]
struct Figures {
    in_time: u32,
    critical: (u32, u32),
    timeouts: u32,
    refused: u32,
    took: Vec<Duration>,
}

async fn under_load(pool: &PgPool, route: Option<Route>) -> Result<Figures, Error> {
    let (pool, route) = (pool.clone(), Arc::new(route));
    let mut tasks = Vec::new();
    let mut every = tokio::time::interval(Duration::from_secs_f64(1.0 / (3.0 * CAPACITY)));
    for nth in 0..(3.0 * CAPACITY) as u64 * SECONDS {
        every.tick().await;
        let tier = if nth.is_multiple_of(10) { Tier::Critical } else { Tier::Normal };
        let (pool, route) = (pool.clone(), Arc::clone(&route));
        tasks.push((tier, tokio::spawn(async move { request(&pool, (*route).as_ref(), tier).await })));
    }
    let mut figures = Figures::default();
    for (tier, task) in tasks {
        let end = task.await??;
        let is_in_time = matches!(end, End::InTime(_));
        if tier == Tier::Critical {
            figures.critical.0 += u32::from(is_in_time);
            figures.critical.1 += 1;
        }
        match end {
            End::InTime(took) => {
                figures.in_time += 1;
                figures.took.push(took);
            }
            End::TimedOut => figures.timeouts += 1,
            End::Refused => figures.refused += 1,
            End::Late => {}
        }
    }
    figures.took.sort();
    Ok(figures)
}

impl Figures {
    fn print(&self, name: &str) {
        let critical = 100.0 * f64::from(self.critical.0) / f64::from(self.critical.1.max(1));
        let p99 = self.took.get(self.took.len() * 99 / 100).map_or(0, Duration::as_millis);
        println!(
            "{name:<22}{:>10.0}{critical:>9.0} %{:>10}{:>12}{p99:>10}",
            f64::from(self.in_time) / SECONDS as f64,
            self.timeouts,
            self.refused
        );
    }
}
