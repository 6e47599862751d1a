// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The schema's versions: embedded, in order, with checksums, one transaction each.
//!
//! A version is `major * 1000 + minor`. Inside a major everything is additive, so an older build
//! works on a newer minor; a newer major is refused, because what this build would write there is
//! unknown.

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::error::StoreError;

struct Migration {
    version: i32,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 4] = [
    Migration { version: 1_001, sql: include_str!("migrations/1001_tables.sql") },
    Migration { version: 1_002, sql: include_str!("migrations/1002_upkeep.sql") },
    Migration { version: 1_003, sql: include_str!("migrations/1003_clusters.sql") },
    Migration { version: 1_004, sql: include_str!("migrations/1004_leases.sql") },
];

/// The major version that this build reads and writes.
const MAJOR: i32 = 1;

/// Every node may come at once: one migrates, the others wait for it and find nothing left to do.
const LOCK: &str = "select pg_advisory_xact_lock(4708123001233)";

/// Makes the schema what this build needs, or says why it is not. Without `migrate` it only looks.
pub(super) async fn prepare(connection: &mut PgConnection, migrate: bool) -> Result<(), StoreError> {
    let applied = applied(connection).await?;
    let missing = check(&applied)?;
    if missing.is_empty() {
        return Ok(());
    }
    if !migrate {
        let found = applied.last().map_or("none".to_owned(), |(version, _)| version.to_string());
        let needs = MIGRATIONS.last().map_or(0, |migration| migration.version);
        return Err(StoreError::Schema(format!(
            "the schema is older than this build: it has version {found} and needs {needs}; connect once with \
             `migrate(true)` and a role that owns it"
        )));
    }
    if applied.is_empty() {
        begin(connection).await?;
        let made = sqlx::raw_sql(
            "create schema if not exists atrion; \
             create table if not exists atrion.schema_migrations(version int primary key, checksum bytea not null, \
             applied_at timestamptz not null default now())",
        )
        .execute(&mut *connection)
        .await;
        end(connection, made.map(drop)).await?;
    }
    for migration in missing {
        apply(connection, migration).await?;
    }
    // Another node may have been quicker, with another text.
    check(&self::applied(connection).await?).map(drop)
}

/// Versions and checksums, in order; nothing if there is no schema.
async fn applied(connection: &mut PgConnection) -> Result<Vec<(i32, Vec<u8>)>, StoreError> {
    let exists = "select exists(select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                  where n.nspname = 'atrion' and c.relname = 'schema_migrations')";
    // In one message each: outside of a transaction a pooler may send the next one to another
    // server connection.
    let exists: bool = sqlx::raw_sql(exists).fetch_one(&mut *connection).await?.try_get(0)?;
    if !exists {
        return Ok(Vec::new());
    }
    let rows = sqlx::raw_sql("select version, checksum from atrion.schema_migrations order by version")
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// What is missing; an error if the schema is of another kind than this build's.
fn check(applied: &[(i32, Vec<u8>)]) -> Result<Vec<&'static Migration>, StoreError> {
    if let Some((version, _)) = applied.iter().find(|(version, _)| version / 1_000 > MAJOR) {
        return Err(StoreError::Schema(format!(
            "the schema has version {version}, of a newer major than this build knows ({MAJOR}): use a newer build \
             here, or another database"
        )));
    }
    let mut missing = Vec::new();
    for migration in &MIGRATIONS {
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, checksum)) if *checksum == sum(migration.sql) => {}
            Some((version, _)) => {
                return Err(StoreError::Schema(format!(
                    "version {version} of the schema was made from another text than this build's: it was changed by \
                     hand or by an unreleased build; use a fresh database"
                )));
            }
            None => missing.push(migration),
        }
    }
    Ok(missing)
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), StoreError> {
    begin(connection).await?;
    let done = perform(connection, migration).await;
    end(connection, done).await?;
    tracing::info!(target: "atrion", version = migration.version, "migrated the schema");
    Ok(())
}

async fn perform(connection: &mut PgConnection, migration: &Migration) -> Result<(), sqlx::Error> {
    let known: Option<_> = sqlx::query("select 1 from atrion.schema_migrations where version = $1")
        .bind(migration.version)
        .persistent(false)
        .fetch_optional(&mut *connection)
        .await?;
    if known.is_some() {
        return Ok(());
    }
    sqlx::raw_sql(migration.sql).execute(&mut *connection).await?;
    sqlx::query("insert into atrion.schema_migrations(version, checksum) values ($1, $2)")
        .bind(migration.version)
        .bind(sum(migration.sql))
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // Waits for the lock for as long as another node's migration may take.
    sqlx::raw_sql(AssertSqlSafe(format!("begin; set local statement_timeout = '60s'; {LOCK}")))
        .execute(connection)
        .await?;
    Ok(())
}

async fn end(connection: &mut PgConnection, done: Result<(), sqlx::Error>) -> Result<(), sqlx::Error> {
    let word = if done.is_ok() { "commit" } else { "rollback" };
    let ended = sqlx::raw_sql(word).execute(connection).await;
    done?;
    ended.map(drop)
}

fn sum(sql: &str) -> Vec<u8> {
    // A checkout with other line ends is the same text.
    Sha256::digest(sql.replace("\r\n", "\n").as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(i32, Vec<u8>)> {
        MIGRATIONS.iter().map(|migration| (migration.version, sum(migration.sql))).collect()
    }

    #[test]
    fn versions_rise_within_the_major() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version));
        assert!(MIGRATIONS.iter().all(|migration| migration.version / 1_000 == MAJOR));
    }

    #[test]
    fn a_newer_minor_is_used_and_a_newer_major_is_refused() {
        let mut newer = all();
        newer.push((1_999, vec![1]));
        assert!(check(&newer).is_ok_and(|missing| missing.is_empty()));
        newer.push((2_000, vec![1]));
        let Err(StoreError::Schema(why)) = check(&newer) else { panic!("a newer major was taken") };
        assert!(why.contains("version 2000"), "{why}");
    }

    #[test]
    fn an_older_one_has_what_it_lacks_and_a_changed_one_is_refused() {
        let mut older = all();
        older.pop();
        assert!(check(&older).is_ok_and(|missing| missing.len() == 1));
        let mut changed = all();
        changed[0].1 = vec![0; 32];
        assert!(matches!(check(&changed), Err(StoreError::Schema(_))));
    }
}
