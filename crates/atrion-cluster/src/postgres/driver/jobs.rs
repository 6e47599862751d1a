// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the driver does when it is due: each a few statements over its connection, each within its
//! time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::Ohms;
use atrion_state::{PhysicsVector, ProviderError, RouteId};

use super::Driver;
use crate::postgres::NAME;
use crate::postgres::error::{StoreError, within};
use crate::postgres::own::{Change, Row};
use crate::postgres::session::{BATCH, Durability, Session};
use crate::postgres::shared::Tally;

/// Making the schema may take long, and waits for another node that makes it.
const PREPARE: Duration = Duration::from_secs(30);
/// Reading an earlier life and making partitions take longer than a write; the server gives up
/// first.
const PATIENCE: Duration = Duration::from_secs(6);
/// Partitions are made within milliseconds.
const SOMEBODY_ELSE: Duration = Duration::from_millis(50);
/// What was committed this long ago is on the server's disk, whatever its settings are.
const SETTLED: Duration = Duration::from_secs(60);

/// Rows of a table that has a partition for each day.
#[derive(Clone, Copy)]
enum Dated<'a> {
    Changes(&'a [Change]),
    Samples(&'a [(RouteId, PhysicsVector)], &'a HashMap<RouteId, Ohms>),
}

impl Dated<'_> {
    fn len(self) -> usize {
        match self {
            Self::Changes(changes) => changes.len(),
            Self::Samples(rows, _) => rows.len(),
        }
    }
}

impl Driver {
    /// Connects; reads what an earlier life stored, once. Gives how many vectors that were.
    pub(super) async fn connect(&mut self, budget: Duration) -> Result<usize, StoreError> {
        let shared = Arc::clone(&self.shared);
        let config = &shared.config;
        let mut session = within(budget, Session::open(config, &shared.options)).await?;
        within(PREPARE, session.prepare(config.migrate)).await?;
        within(self.patience(), session.set_clock(|| shared.now())).await?;
        let mut found = 0;
        if self.connected {
            // What was written before the connection broke may have been lost with the server.
            shared.own.vectors.mark_lost(shared.now());
        } else {
            let earlier = within(PATIENCE, session.earlier(&self.writer.cluster, &self.writer.node)).await?;
            found = earlier.vectors.len();
            Tally::add(&shared.tally.invalid, earlier.invalid);
            // A clock that was put back must not make this life the older one.
            self.writer.incarnation = self.writer.incarnation.max(earlier.incarnation.saturating_add(1));
            let now = shared.now();
            for (route, vector) in earlier.vectors {
                shared.own.vectors.restore(&route, Some(vector), now);
            }
            shared.adapter.loaded();
        }
        self.connected = true;
        self.session = Some(session);
        Ok(found)
    }

    pub(super) async fn upkeep(&mut self) -> Result<usize, StoreError> {
        let retention = self.shared.config.retention;
        let Some(session) = &mut self.session else { return Ok(0) };
        within(PATIENCE, session.set_clock(|| self.shared.now())).await?;
        // More than a batch of old rows is deleted in several steps, so that none holds its locks
        // for long.
        while let Some(upkept) = within(PATIENCE, session.upkeep(retention, None)).await? {
            if upkept.deleted < BATCH as i32 {
                break;
            }
        }
        self.count_clusters().await.map(|()| 0)
    }

    /// Returns when there are partitions of today. Of many nodes that start at once one makes them,
    /// and what the others have to write must not be given up meanwhile.
    async fn partitions(&mut self) -> Result<(), StoreError> {
        let retention = self.shared.config.retention;
        let Some(session) = &mut self.session else { return Ok(()) };
        let made = async {
            while session.upkeep(retention, None).await?.is_none() {
                tokio::time::sleep(SOMEBODY_ELSE).await;
            }
            Ok::<(), StoreError>(())
        };
        within(PATIENCE, made).await
    }

    /// Which clusters use the license, as far as this database knows. Nothing depends on it: a role
    /// that was granted less than what `manual/persistence.md` lists stores all the same.
    async fn count_clusters(&mut self) -> Result<(), StoreError> {
        let patience = self.patience();
        let (Some(id), Some(session)) = (self.shared.adapter.license.license_id(), &mut self.session) else {
            return Ok(());
        };
        match within(patience, session.clusters(&id, &self.writer.cluster)).await {
            Ok(seen) => {
                self.shared.adapter.license.saw_clusters(&seen, self.shared.adapter.wall());
                Ok(())
            }
            Err(failure) if failure.is_an_answer() => {
                let error = ProviderError::from(failure);
                tracing::debug!(target: "atrion", provider = NAME, %error, "clusters were not counted");
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn transitions(&mut self) -> Result<usize, StoreError> {
        let (mut written, mut made) = (0, false);
        loop {
            let Some(session) = &self.session else { return Ok(written) };
            let changes = self.shared.own.changes(BATCH, |moment| session.date(moment));
            let Some(last) = changes.last() else { return Ok(written) };
            if self.write_dated(Dated::Changes(&changes), &mut made).await? {
                written += changes.len();
            }
            self.shared.own.written(last);
        }
    }

    /// Writes rows that lie in a partition of their day, and says whether they were taken. The
    /// partition may not have been made yet: it is, once a job, and they are written again. What is
    /// refused then has no place any more, because it is so old that its partition is gone: it is
    /// given up and counted.
    async fn write_dated(&mut self, rows: Dated<'_>, made: &mut bool) -> Result<bool, StoreError> {
        let patience = self.patience();
        loop {
            let Some(session) = &mut self.session else { return Ok(false) };
            let writer = &self.writer;
            let written = match rows {
                Dated::Changes(changes) => within(patience, session.transitions(writer, changes)).await,
                Dated::Samples(rows, merged) => within(patience, session.history(writer, rows, merged)).await,
            };
            match written {
                Ok(_) => return Ok(true),
                Err(error) if !error.is_of_the_data() => return Err(error),
                Err(_) if *made => {
                    Tally::add(&self.shared.tally.refused, rows.len() as u64);
                    return Ok(false);
                }
                Err(_) => {
                    *made = true;
                    self.partitions().await?;
                }
            }
        }
    }

    pub(super) async fn vectors(&mut self, durability: Durability) -> Result<usize, StoreError> {
        self.probe().await?;
        let (shared, mut written) = (Arc::clone(&self.shared), 0);
        // What becomes dirty meanwhile waits for the next time, or a database that is slow would be
        // written to for ever.
        let mut left = shared.own.vectors.dirty();
        while left > 0 {
            let flight = shared.own.take(BATCH.min(left), shared.now());
            let rows = flight.rows();
            if rows.is_empty() {
                break;
            }
            left -= rows.len();
            written += rows.len();
            self.write(rows, durability).await?;
            flight.landed();
        }
        Ok(written)
    }

    /// Looks whether the server still has what was written last. If it has, it has all that was
    /// written before, too; if not, it has crashed or another one has taken over, which a pooler
    /// hides.
    pub(super) async fn probe(&mut self) -> Result<(), StoreError> {
        let (patience, now) = (self.patience(), self.shared.now());
        let Some((route, seq, _)) = self.last.as_ref().filter(|(_, _, at)| now.since(*at) < SETTLED) else {
            return Ok(());
        };
        let Some(session) = &mut self.session else { return Ok(()) };
        if !within(patience, session.has(&self.writer, route, *seq)).await? {
            tracing::warn!(target: "atrion", provider = NAME, "the server lost what it had committed: it is written again");
            self.shared.own.vectors.mark_lost(now);
        }
        Ok(())
    }

    /// Writes a batch. If the database refuses what is in it, halves are tried, so that one row
    /// that it will never take keeps no other from being stored.
    pub(super) async fn write(&mut self, rows: Vec<Row>, durability: Durability) -> Result<(), StoreError> {
        let (patience, tally) = (self.patience(), &self.shared.tally);
        let Some(session) = &mut self.session else { return Ok(()) };
        let mut parts = vec![rows];
        while let Some(mut rows) = parts.pop() {
            match within(patience, session.upsert(&self.writer, &rows, durability)).await {
                Ok(news) => {
                    self.last = rows.last().map(|row| (row.route.clone(), row.seq, self.shared.now()));
                    Tally::add(&tally.written, news);
                    Tally::add(&tally.stale, (rows.len() as u64).saturating_sub(news));
                }
                Err(failure) if failure.is_of_the_data() && rows.len() > 1 => {
                    parts.push(rows.split_off(rows.len() / 2));
                    parts.push(rows);
                    continue;
                }
                Err(failure) if failure.is_of_the_data() => Tally::add(&tally.refused, 1),
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    pub(super) async fn history(&mut self) -> Result<usize, StoreError> {
        let rows = self.shared.own.unwell(self.shared.now());
        let routes = rows.iter().map(|(route, _)| route.clone()).collect();
        let merged: HashMap<_, _> = self.shared.merged(routes).collect();
        let mut made = false;
        for sample in rows.chunks(BATCH) {
            self.write_dated(Dated::Samples(sample, &merged), &mut made).await?;
        }
        Ok(rows.len())
    }

    pub(super) async fn barrier(&mut self) -> Result<usize, StoreError> {
        let patience = self.patience();
        let Some(session) = &mut self.session else { return Ok(0) };
        within(patience, session.barrier()).await.map(|()| 0)
    }

    /// How long to wait for an answer: the server's own limit, and as much again for the way there
    /// and back.
    fn patience(&self) -> Duration {
        2 * self.shared.config.statement_timeout
    }
}
