// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! One connection and every statement that goes over it.
//!
//! Each task is one transaction with its own time limit and its own durability, set *inside* it: so it works behind a
//! pooler that gives every transaction another server connection. Locks are of transactions, too.

use std::time::Duration;

use atrion_core::{Mode, Mono, Ohms};
use atrion_state::{DecayRate, Momentum, PhysicsVector, RouteId, Weight};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::config::{PostgresConfig, Retention};
use super::error::Failure;
use super::migrate;
use super::own::{Change, Row};

/// Rows in one statement. 1,000 take 11 ms and one round trip; ten times as many would hold their locks ten times as long.
pub(super) const BATCH: usize = 1_000;

#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    /// Server connections change between transactions, so nothing may stay prepared on one.
    pooled: bool,
    timeout: Duration,
    /// The database's clock: its microseconds since 1970 at a moment of ours.
    clock: (i64, Mono),
}

/// Whose rows.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) cluster: String,
    pub(super) node: String,
    pub(super) incarnation: i64,
}

/// What an earlier life of this node stored.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) incarnation: i64,
    pub(super) vectors: Vec<(RouteId, PhysicsVector)>,
    /// Rows that are no vectors. They are left alone.
    pub(super) invalid: u64,
}

/// When a commit is there for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before it returns: in the server's log on disk.
    Now,
    /// Soon after, in a fraction of a second; a server that crashes before loses it, whole.
    Soon,
}

/// Partitions made and dropped, rows deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Upkept {
    pub(super) created: i32,
    pub(super) dropped: i32,
    pub(super) deleted: i32,
}

/// Reading tens of thousands of rows and deleting from a large table may take longer than a write may.
const LONG: Duration = Duration::from_secs(5);

const UPSERT: &str = "
insert into atrion.vector_current as v(cluster,route,node,incarnation,seq,scar,evidence,resistance,momentum,mode,lambda,at)
select $1, r, $2, $3, q, s, e, o, m, d, l, clock_timestamp() - a * interval '1 ms'
from unnest($4::text[],$5::int8[],$6::float8[],$7::float4[],$8::float4[],$9::float4[],$10::int2[],$11::float8[],$12::float8[])
  t(r,q,s,e,o,m,d,l,a)
on conflict(cluster,route,node) do update set incarnation=excluded.incarnation, seq=excluded.seq, scar=excluded.scar,
  evidence=excluded.evidence, resistance=excluded.resistance, momentum=excluded.momentum, mode=excluded.mode,
  lambda=excluded.lambda, at=excluded.at
where (excluded.incarnation,excluded.seq) > (v.incarnation,v.seq)";

const TRANSITIONS: &str = "
insert into atrion.mode_transition(at,cluster,route,node,incarnation,seq,from_mode,to_mode,scar,resistance)
select timestamptz 'epoch' + t * interval '1 microsecond', $1, r, $2, $3, q, f, d, s, o
from unnest($4::int8[],$5::text[],$6::int8[],$7::int2[],$8::int2[],$9::float8[],$10::float8[]) x(t,r,q,f,d,s,o)
on conflict do nothing";

const HISTORY: &str = "
insert into atrion.vector_history(cluster,route,node,scar,resistance,momentum,mode)
select $1, r, $2, s, o, m, d from unnest($3::text[],$4::float4[],$5::float4[],$6::float4[],$7::int2[]) x(r,s,o,m,d)";

const OWN: &str = "
select route, incarnation, scar, evidence, resistance, momentum, mode, lambda,
  greatest(0, extract(epoch from clock_timestamp() - at))::float8 as age
from atrion.vector_current where cluster = $1 and node = $2";

const HAS: &str = "
select 1 from atrion.vector_current
where cluster = $1 and route = $2 and node = $3 and (incarnation, seq) >= ($4, $5)";

const CLOCK: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::int8";

impl Session {
    /// Connects.
    pub(super) async fn open(config: &PostgresConfig, options: &PgConnectOptions) -> Result<Self, Failure> {
        let connection = PgConnection::connect_with(options).await?;
        let (pooled, timeout) = (config.pooled, config.statement_timeout);
        Ok(Self { connection, pooled, timeout, clock: (0, Mono::ZERO) })
    }

    /// Makes sure of the schema.
    pub(super) async fn prepare(&mut self, migrate: bool) -> Result<(), Failure> {
        migrate::prepare(&mut self.connection, migrate).await
    }

    /// Asks for the database's time; `now` reads ours.
    pub(super) async fn set_clock(&mut self, now: impl Fn() -> Mono) -> Result<(), Failure> {
        let asked = now();
        let row = sqlx::query(CLOCK).persistent(false).fetch_one(&mut self.connection).await?;
        // It was read somewhere between the question and the answer.
        self.clock = (row.try_get(0)?, asked.after(now().since(asked) / 2));
        Ok(())
    }

    /// A moment of ours in the database's time.
    pub(super) fn date(&self, moment: Mono) -> i64 {
        let (micros, ours) = self.clock;
        let span = |from: Mono, to: Mono| i64::try_from(to.since(from).as_micros()).unwrap_or(i64::MAX);
        micros.saturating_add(span(ours, moment)).saturating_sub(span(moment, ours))
    }

    /// This node's own rows, of whichever life, aged by the database's clock.
    pub(super) async fn earlier(&mut self, cluster: &str, node: &str) -> Result<Earlier, Failure> {
        self.begin(Durability::Soon, self.timeout.max(LONG)).await?;
        let read =
            sqlx::query(OWN).bind(cluster).bind(node).persistent(false).fetch_all(&mut self.connection).await;
        let rows = self.end(read).await?;
        let mut earlier = Earlier { incarnation: 0, vectors: Vec::with_capacity(rows.len()), invalid: 0 };
        for row in &rows {
            earlier.incarnation = earlier.incarnation.max(row.try_get("incarnation").unwrap_or(0));
            match vector(row) {
                Some(known) => earlier.vectors.push(known),
                None => earlier.invalid += 1,
            }
        }
        Ok(earlier)
    }

    /// Writes rows, which are sorted by route; gives how many were news.
    pub(super) async fn upsert(
        &mut self,
        writer: &Writer,
        rows: &[Row],
        durability: Durability,
    ) -> Result<u64, Failure> {
        let of =
            |field: fn(&PhysicsVector) -> f64| rows.iter().map(|row| field(&row.vector)).collect::<Vec<_>>();
        let of32 = |field: fn(&PhysicsVector) -> f64| {
            rows.iter().map(|row| float4(field(&row.vector))).collect::<Vec<_>>()
        };
        self.begin(durability, self.timeout).await?;
        let written = sqlx::query(UPSERT)
            .bind(&writer.cluster)
            .bind(&writer.node)
            .bind(writer.incarnation)
            .bind(rows.iter().map(|row| row.route.as_str().to_owned()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| bigint(row.seq)).collect::<Vec<_>>())
            .bind(of(|vector| vector.scar_tissue.get()))
            .bind(of32(|vector| vector.weight.share()))
            .bind(of32(|vector| vector.resistance.get()))
            .bind(of32(|vector| vector.momentum.get()))
            .bind(rows.iter().map(|row| mode_number(row.vector.mode)).collect::<Vec<_>>())
            .bind(of(|vector| vector.decay_rate.get()))
            .bind(of(|vector| vector.age.min(OLDEST).as_secs_f64() * 1_000.0))
            .persistent(!self.pooled)
            .execute(&mut self.connection)
            .await;
        Ok(self.end(written).await?.rows_affected())
    }

    /// Whether the row of this route is at least as new as that.
    pub(super) async fn has(&mut self, writer: &Writer, route: &RouteId, seq: u64) -> Result<bool, Failure> {
        self.begin(Durability::Soon, self.timeout).await?;
        let found = sqlx::query(HAS)
            .bind(&writer.cluster)
            .bind(route.as_str())
            .bind(&writer.node)
            .bind(writer.incarnation)
            .bind(bigint(seq))
            .persistent(!self.pooled)
            .fetch_optional(&mut self.connection)
            .await;
        Ok(self.end(found).await?.is_some())
    }

    /// Writes changes of modes, which were dated. Always durable: they are few, and nobody can tell them again.
    pub(super) async fn transitions(&mut self, writer: &Writer, changes: &[Change]) -> Result<u64, Failure> {
        let of = |field: fn(&PhysicsVector) -> f64| {
            changes.iter().map(|change| field(&change.vector)).collect::<Vec<_>>()
        };
        self.begin(Durability::Now, self.timeout).await?;
        let written = sqlx::query(TRANSITIONS)
            .bind(&writer.cluster)
            .bind(&writer.node)
            .bind(writer.incarnation)
            .bind(changes.iter().map(|change| change.at.unwrap_or(0)).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| change.route.as_str().to_owned()).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| bigint(change.seq)).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| mode_number(change.from)).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| mode_number(change.vector.mode)).collect::<Vec<_>>())
            .bind(of(|vector| vector.aged_scar().get()))
            .bind(of(|vector| vector.resistance.get()))
            .persistent(!self.pooled)
            .execute(&mut self.connection)
            .await;
        Ok(self.end(written).await?.rows_affected())
    }

    /// Writes samples. A scar is sampled as it is now, faded.
    pub(super) async fn history(&mut self, writer: &Writer, rows: &[Row]) -> Result<u64, Failure> {
        let of32 = |field: fn(&PhysicsVector) -> f64| {
            rows.iter().map(|row| float4(field(&row.vector))).collect::<Vec<_>>()
        };
        self.begin(Durability::Soon, self.timeout).await?;
        let written = sqlx::query(HISTORY)
            .bind(&writer.cluster)
            .bind(&writer.node)
            .bind(rows.iter().map(|row| row.route.as_str().to_owned()).collect::<Vec<_>>())
            .bind(of32(|vector| vector.aged_scar().get()))
            .bind(of32(|vector| vector.resistance.get()))
            .bind(of32(|vector| vector.momentum.get()))
            .bind(rows.iter().map(|row| mode_number(row.vector.mode)).collect::<Vec<_>>())
            .persistent(!self.pooled)
            .execute(&mut self.connection)
            .await;
        Ok(self.end(written).await?.rows_affected())
    }

    /// Partitions and retention as of `moment`, in the database's microseconds since 1970, or now. `None` if somebody
    /// else is at it.
    pub(super) async fn upkeep(
        &mut self,
        retention: Retention,
        moment: Option<i64>,
    ) -> Result<Option<Upkept>, Failure> {
        // Partitions that a crash took back would be missed by rows that wait for the disk.
        self.begin(Durability::Now, self.timeout.max(LONG)).await?;
        let upkept = sqlx::query(
            "select created, dropped, deleted from \
             atrion.upkeep(coalesce(timestamptz 'epoch' + $1 * interval '1 microsecond', clock_timestamp()), $2, $3, $4)",
        )
        .bind(moment)
        .bind(i32::from(retention.history_days))
        .bind(i32::from(retention.transition_days))
        .bind(BATCH as i32)
        .persistent(false)
        .fetch_optional(&mut self.connection)
        .await;
        let Some(row) = self.end(upkept).await? else { return Ok(None) };
        Ok(Some(Upkept { created: row.try_get(0)?, dropped: row.try_get(1)?, deleted: row.try_get(2)? }))
    }

    /// Returns when everything that was committed before is in the server's log on disk. A transaction that wrote nothing
    /// waits for nothing, so this one writes a word into the log, and no table.
    pub(super) async fn barrier(&mut self) -> Result<(), Failure> {
        self.begin(Durability::Now, self.timeout).await?;
        let written = sqlx::query("select pg_logical_emit_message(true, 'atrion', '')::text")
            .persistent(false)
            .execute(&mut self.connection)
            .await;
        self.end(written).await?;
        Ok(())
    }

    /// Ends it in order.
    pub(super) async fn close(self) {
        // Whoever cannot say goodbye is gone all the same.
        let _ = self.connection.close().await;
    }

    async fn begin(&mut self, durability: Durability, timeout: Duration) -> Result<(), sqlx::Error> {
        let commit = if durability == Durability::Now { "on" } else { "off" };
        let begin = format!(
            "begin; set local statement_timeout = {}; set local synchronous_commit = {commit}",
            timeout.as_millis()
        );
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut self.connection).await.map(drop)
    }

    async fn end<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        let word = if done.is_ok() { "commit" } else { "rollback" };
        let ended = sqlx::raw_sql(word).execute(&mut self.connection).await;
        let value = done?;
        ended.map(|_| value)
    }
}

/// A row older than this has been deleted by every retention there is.
const OLDEST: Duration = Duration::from_secs(48 * 3_600);

/// One row, if it is a vector: what is in a database is outside input.
fn vector(row: &sqlx::postgres::PgRow) -> Option<(RouteId, PhysicsVector)> {
    let route = RouteId::new(row.try_get("route").ok()?).ok()?;
    let scar = Ohms::new(row.try_get("scar").ok()?).ok()?;
    let mode = mode(row.try_get("mode").ok()?)?;
    let rate = DecayRate::new(row.try_get("lambda").ok()?).ok()?;
    let age = Duration::try_from_secs_f64(row.try_get("age").ok()?).ok()?;
    let float = |column: &str| row.try_get::<f32, _>(column).ok().map(f64::from);
    // These are shown to people, and clamped.
    let vector = PhysicsVector::new(mode, Ohms::saturating(float("resistance")?), scar)
        .with_momentum(Momentum::saturating(float("momentum")?))
        .with_weight(Weight::from_share(float("evidence")?))
        .with_decay_rate(rate)
        .with_age(age);
    Some((route, vector))
}

pub(super) const fn mode_number(mode: Mode) -> i16 {
    match mode {
        Mode::Bootstrap => 0,
        Mode::Operational => 1,
        Mode::CircuitBreaker => 2,
    }
}

pub(super) fn mode(number: i16) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode_number(*mode) == number)
}

/// Finite, because infinity is no sample.
fn float4(value: f64) -> f32 {
    value.min(f64::from(f32::MAX)) as f32
}

pub(super) fn bigint(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
