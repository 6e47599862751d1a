// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! One connection and every statement that goes over it.
//!
//! Each job is one transaction with its own time limit and its own durability, set *inside* it: so
//! it works behind a pooler that gives every transaction another server connection. Locks are of
//! transactions, too.

use std::collections::HashMap;
use std::time::Duration;

use atrion_core::{Mono, Ohms, Wall};
use atrion_license::ClusterLedger;
use atrion_state::{LeaseRecord, PhysicsVector, RouteId};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::config::{PostgresConfig, Retention};
use super::error::StoreError;
use super::leases::lease;
use super::login::Login;
use super::migrate;
use super::own::{Change, Row};

mod row;
use row::{OLDEST, float4, mode_number, vector};
pub(super) use row::{bigint, mode};

mod sql;

/// Rows in one statement. 1,000 take 11 ms and one round trip; ten times as many would hold their
/// locks ten times as long.
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

/// Names the rows that this node writes.
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
enum Durability {
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

/// Reading tens of thousands of rows and deleting from a large table may take longer than a write
/// may.
const LONG: Duration = Duration::from_secs(5);

impl Session {
    /// Connects.
    pub(super) async fn open(config: &PostgresConfig, login: &Login) -> Result<Self, StoreError> {
        let connection = login.connect().await?;
        let (pooled, timeout) = (config.pooled, config.statement_timeout);
        Ok(Self { connection, pooled, timeout, clock: (0, Mono::ZERO) })
    }

    /// Makes sure of the schema.
    pub(super) async fn prepare(&mut self, migrate: bool) -> Result<(), StoreError> {
        migrate::prepare(&mut self.connection, migrate).await
    }

    /// Asks for the database's time; `now` reads ours.
    pub(super) async fn set_clock(&mut self, now: impl Fn() -> Mono) -> Result<(), StoreError> {
        let asked = now();
        // Outside of a transaction, so in one message: a pooler may send the next one to another
        // server connection.
        let row = sqlx::raw_sql(sql::CLOCK).fetch_one(&mut self.connection).await?;
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
    pub(super) async fn earlier(&mut self, cluster: &str, node: &str) -> Result<Earlier, StoreError> {
        self.begin(Durability::Soon, self.timeout.max(LONG)).await?;
        let read = sqlx::query(sql::OWN)
            .bind(cluster)
            .bind(node)
            .persistent(false)
            .fetch_all(&mut self.connection)
            .await;
        let rows = self.end(read).await?;
        let mut earlier = Earlier { incarnation: 0, vectors: Vec::with_capacity(rows.len()), invalid: 0 };
        for row in &rows {
            let life = row.try_get("incarnation").ok().filter(|life| (0..sql::LIVES).contains(life));
            match life.zip(vector(row)) {
                Some((life, known)) => {
                    earlier.incarnation = earlier.incarnation.max(life);
                    earlier.vectors.push(known);
                }
                None => earlier.invalid += 1,
            }
        }
        Ok(earlier)
    }

    /// Writes rows, which are sorted by route; gives how many were news.
    pub(super) async fn upsert(&mut self, writer: &Writer, rows: &[Row]) -> Result<u64, StoreError> {
        let of =
            |field: fn(&PhysicsVector) -> f64| rows.iter().map(|row| field(&row.vector)).collect::<Vec<_>>();
        let of32 = |field: fn(&PhysicsVector) -> f64| {
            rows.iter().map(|row| float4(field(&row.vector))).collect::<Vec<_>>()
        };
        self.begin(Durability::Soon, self.timeout).await?;
        let written = sqlx::query(sql::UPSERT)
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
            .bind(sql::LIVES)
            .persistent(!self.pooled)
            .execute(&mut self.connection)
            .await;
        Ok(self.end(written).await?.rows_affected())
    }

    /// Whether the row of this route is at least as new as that.
    pub(super) async fn has(
        &mut self,
        writer: &Writer,
        route: &RouteId,
        seq: u64,
    ) -> Result<bool, StoreError> {
        self.begin(Durability::Soon, self.timeout).await?;
        let found = sqlx::query(sql::HAS)
            .bind(&writer.cluster)
            .bind(route.as_str())
            .bind(&writer.node)
            .bind(writer.incarnation)
            .bind(bigint(seq))
            .bind(sql::LIVES)
            .persistent(!self.pooled)
            .fetch_optional(&mut self.connection)
            .await;
        Ok(self.end(found).await?.is_some())
    }

    /// Writes changes of modes, which were dated. Always durable: they are few, and a lost one
    /// cannot be told again.
    pub(super) async fn transitions(
        &mut self,
        writer: &Writer,
        changes: &[Change],
    ) -> Result<u64, StoreError> {
        let of = |field: fn(&PhysicsVector) -> f64| {
            changes.iter().map(|change| field(&change.vector)).collect::<Vec<_>>()
        };
        self.begin(Durability::Now, self.timeout).await?;
        let written = sqlx::query(sql::TRANSITIONS)
            .bind(&writer.cluster)
            .bind(&writer.node)
            .bind(writer.incarnation)
            .bind(changes.iter().map(|change| change.at.unwrap_or(0)).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| change.route.as_str().to_owned()).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| bigint(change.seq)).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| mode_number(change.from)).collect::<Vec<_>>())
            .bind(changes.iter().map(|change| mode_number(change.vector.mode)).collect::<Vec<_>>())
            .bind(of(|vector| vector.aged_scar().get()))
            .bind(changes.iter().map(|change| change.merged.map(Ohms::get)).collect::<Vec<_>>())
            .bind(of(|vector| vector.resistance.get()))
            .persistent(!self.pooled)
            .execute(&mut self.connection)
            .await;
        Ok(self.end(written).await?.rows_affected())
    }

    /// Writes samples. A scar is sampled as it is now, faded; beside it what the gate made of the
    /// fleet.
    pub(super) async fn history(
        &mut self,
        writer: &Writer,
        rows: &[(RouteId, PhysicsVector)],
        merged: &HashMap<RouteId, Ohms>,
    ) -> Result<u64, StoreError> {
        let merged =
            |(route, _): &(RouteId, PhysicsVector)| merged.get(route).map(|merged| float4(merged.get()));
        let of32 = |field: fn(&PhysicsVector) -> f64| {
            rows.iter().map(|(_, vector)| float4(field(vector))).collect::<Vec<_>>()
        };
        self.begin(Durability::Soon, self.timeout).await?;
        let written = sqlx::query(sql::HISTORY)
            .bind(&writer.cluster)
            .bind(&writer.node)
            .bind(rows.iter().map(|(route, _)| route.as_str().to_owned()).collect::<Vec<_>>())
            .bind(of32(|vector| vector.aged_scar().get()))
            .bind(rows.iter().map(merged).collect::<Vec<_>>())
            .bind(of32(|vector| vector.resistance.get()))
            .bind(of32(|vector| vector.momentum.get()))
            .bind(rows.iter().map(|(_, vector)| mode_number(vector.mode)).collect::<Vec<_>>())
            .persistent(!self.pooled)
            .execute(&mut self.connection)
            .await;
        Ok(self.end(written).await?.rows_affected())
    }

    /// Partitions and retention as of `moment`, in the database's microseconds since 1970, or now.
    /// `None` if another node is at it.
    pub(super) async fn upkeep(
        &mut self,
        retention: Retention,
        moment: Option<i64>,
    ) -> Result<Option<Upkept>, StoreError> {
        // Partitions that a crash took back would be missed by rows that wait for the disk.
        self.begin(Durability::Now, self.timeout.max(LONG)).await?;
        let upkept = sqlx::query(sql::UPKEEP)
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

    /// Registers a cluster as one that uses a license; gives those that do, with the seconds since
    /// each was seen.
    pub(super) async fn clusters(
        &mut self,
        license: &str,
        cluster: &str,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        self.begin(Durability::Soon, self.timeout).await?;
        let counted = self.register(license, cluster).await;
        let rows = self.end(counted).await?;
        rows.iter().map(|row| Ok((row.try_get("cluster")?, row.try_get("age")?))).collect()
    }

    async fn register(&mut self, license: &str, cluster: &str) -> Result<Vec<PgRow>, sqlx::Error> {
        let life = i64::try_from(ClusterLedger::TIME_TO_LIVE.as_secs()).unwrap_or(i64::MAX);
        let seen = sqlx::query(sql::SEEN).bind(license).bind(cluster).persistent(false);
        seen.execute(&mut self.connection).await?;
        let unseen = sqlx::query(sql::UNSEEN).bind(license).bind(life).persistent(false);
        unseen.execute(&mut self.connection).await?;
        let clusters = sqlx::query(sql::CLUSTERS).bind(license).bind(BATCH as i64).persistent(false);
        clusters.fetch_all(&mut self.connection).await
    }

    /// Replaces what this node has kept of its leases.
    pub(super) async fn keep_leases(
        &mut self,
        writer: &Writer,
        leases: &[LeaseRecord],
    ) -> Result<(), StoreError> {
        self.begin(Durability::Soon, self.timeout).await?;
        let kept = self.replace_leases(writer, leases).await;
        Ok(self.end(kept).await?)
    }

    async fn replace_leases(&mut self, writer: &Writer, leases: &[LeaseRecord]) -> Result<(), sqlx::Error> {
        let millis = |wall: Wall| bigint(wall.as_millis());
        let forget = sqlx::query(sql::FORGET_LEASES).bind(&writer.cluster).bind(&writer.node);
        forget.persistent(false).execute(&mut self.connection).await?;
        let keep = sqlx::query(sql::KEEP_LEASES)
            .bind(&writer.cluster)
            .bind(&writer.node)
            .bind(leases.iter().map(|one| millis(one.since)).collect::<Vec<_>>())
            .bind(leases.iter().map(|one| bigint(one.lease)).collect::<Vec<_>>())
            .bind(leases.iter().map(|one| one.route.as_str().to_owned()).collect::<Vec<_>>())
            // A text of the database has no such character.
            .bind(leases.iter().map(|one| one.owner.replace('\0', "\u{fffd}")).collect::<Vec<_>>())
            .bind(leases.iter().map(|one| millis(one.beat)).collect::<Vec<_>>())
            .bind(leases.iter().map(|one| one.progress).collect::<Vec<_>>())
            .bind(leases.iter().map(|one| one.lost.map(millis)).collect::<Vec<_>>());
        keep.persistent(false).execute(&mut self.connection).await.map(drop)
    }

    /// What this node has kept of its leases, in whichever life.
    pub(super) async fn kept_leases(&mut self, writer: &Writer) -> Result<Vec<LeaseRecord>, StoreError> {
        self.begin(Durability::Soon, self.timeout).await?;
        let kept = sqlx::query(sql::KEPT_LEASES).bind(&writer.cluster).bind(&writer.node);
        let kept = kept.persistent(false).fetch_all(&mut self.connection).await;
        Ok(self.end(kept).await?.iter().filter_map(lease).collect())
    }

    /// Deletes what nodes have kept that do not come back.
    pub(super) async fn forget_leases(&mut self) -> Result<(), StoreError> {
        self.begin(Durability::Soon, self.timeout).await?;
        let deleted = sqlx::query(sql::OLD_LEASES).persistent(false).execute(&mut self.connection).await;
        self.end(deleted).await?;
        Ok(())
    }

    /// Returns when everything that was committed before is in the server's log on disk. A
    /// transaction that wrote nothing waits for nothing, so this one writes a word into the log,
    /// and no table.
    pub(super) async fn barrier(&mut self) -> Result<(), StoreError> {
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
        // A connection that cannot be closed in order is gone all the same.
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
