// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What is done over the connection: each job a few statements, each within its time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use atrion_core::Ohms;
use atrion_state::{PhysicsVector, ProviderError, RouteId, lock};

use super::NAME;
use super::error::StoreError;
use super::own::Change;
use super::schedule::{Chore, Schedule};
use super::session::{BATCH, Session};
use super::shared::{Shared, Tally};
use super::store::{Job, Live, Store};
use crate::bounded::Bounded as _;

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

impl Store {
    /// Connects; reads what an earlier life stored, once.
    pub(super) async fn open(&self, live: &mut Live) -> Result<(), StoreError> {
        let shared = &self.shared;
        let config = &shared.config;
        let mut session =
            StoreError::within(config.connect_timeout, Session::open(config, &shared.login)).await?;
        StoreError::within(PREPARE, session.prepare(config.migrate)).await?;
        StoreError::within(patience(shared), session.set_clock(|| shared.now())).await?;
        if live.connected {
            // What was written before the connection broke may have been lost with the server.
            shared.own.vectors.mark_lost(shared.now());
        } else {
            let earlier =
                StoreError::within(PATIENCE, session.earlier(&live.writer.cluster, &live.writer.node))
                    .await?;
            Tally::add(&shared.tally.invalid, earlier.invalid);
            // A clock that was put back must not make this life the older one.
            live.writer.incarnation = live.writer.incarnation.max(earlier.incarnation.saturating_add(1));
            let now = shared.now();
            for (route, vector) in earlier.vectors {
                shared.own.vectors.restore(&route, Some(vector), now);
            }
            shared.loaded();
        }
        live.connected = true;
        live.session = Some(session);
        Ok(())
    }
}

impl Job<'_> {
    /// What is due beside the vectors. A caller that waits for the disk waits for nothing else.
    pub(super) async fn chores(&mut self, schedule: &Mutex<Schedule>) -> Result<(), StoreError> {
        self.transitions().await?;
        if self.shared.is_flushing() {
            return self.settle().await;
        }
        let now = self.shared.now();
        loop {
            let due = lock(schedule).due(now);
            match due {
                Some(Chore::Upkeep) => self.upkeep().await?,
                Some(Chore::Probe) => self.probe().await?,
                Some(Chore::Sample) => self.history().await?,
                None => return Ok(()),
            }
            due.into_iter().for_each(|done| lock(schedule).done(done, now));
        }
    }

    async fn upkeep(&mut self) -> Result<(), StoreError> {
        let (retention, session) = (self.shared.config.retention, &mut self.session);
        StoreError::within(PATIENCE, session.set_clock(|| self.shared.now())).await?;
        // More than a batch of old rows is deleted in several steps, so that none holds its locks
        // for long.
        while let Some(upkept) = StoreError::within(PATIENCE, session.upkeep(retention, None)).await? {
            if upkept.deleted < BATCH as i32 {
                break;
            }
        }
        self.forget_leases().await?;
        self.count_clusters().await
    }

    /// A role that was granted less stores all the same, as with the count of clusters.
    async fn forget_leases(&mut self) -> Result<(), StoreError> {
        match StoreError::within(patience(self.shared), self.session.forget_leases()).await {
            Err(failure) if !failure.is_an_answer() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Returns when there are partitions of today. Of many nodes that start at once one makes them,
    /// and what the others have to write must not be given up meanwhile.
    async fn partitions(&mut self) -> Result<(), StoreError> {
        let retention = self.shared.config.retention;
        let made = async {
            while self.session.upkeep(retention, None).await?.is_none() {
                tokio::time::sleep(SOMEBODY_ELSE).await;
            }
            Ok::<(), StoreError>(())
        };
        StoreError::within(PATIENCE, made).await
    }

    /// Which clusters use the license, as far as this database knows. Nothing depends on it: a role
    /// that was granted less than what `manual/persistence.md` lists stores all the same.
    async fn count_clusters(&mut self) -> Result<(), StoreError> {
        let Some(id) = self.shared.adapter.license.license_id() else { return Ok(()) };
        let counted = self.session.clusters(&id, &self.live.writer.cluster);
        match StoreError::within(patience(self.shared), counted).await {
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

    pub(super) async fn transitions(&mut self) -> Result<(), StoreError> {
        let mut made = false;
        loop {
            let changes = self.shared.own.changes(BATCH, |moment| self.session.date(moment));
            let Some(last) = changes.last() else { return Ok(()) };
            self.write_dated(Dated::Changes(&changes), &mut made).await?;
            self.shared.own.written(last);
        }
    }

    /// Writes rows that lie in a partition of their day. The partition may not have been made yet:
    /// it is, once a job, and they are written again. What is refused then has no place any more,
    /// because it is so old that its partition is gone: it is given up and counted.
    async fn write_dated(&mut self, rows: Dated<'_>, made: &mut bool) -> Result<(), StoreError> {
        let patience = patience(self.shared);
        loop {
            let (session, writer) = (&mut self.session, &self.live.writer);
            let written = match rows {
                Dated::Changes(changes) => {
                    StoreError::within(patience, session.transitions(writer, changes)).await
                }
                Dated::Samples(rows, merged) => {
                    StoreError::within(patience, session.history(writer, rows, merged)).await
                }
            };
            match written {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_of_the_data() => return Err(error),
                Err(_) if *made => {
                    Tally::add(&self.shared.tally.refused, rows.len() as u64);
                    return Ok(());
                }
                Err(_) => {
                    *made = true;
                    self.partitions().await?;
                }
            }
        }
    }

    /// Looks whether the server still has what was written last. If it has, it has all that was
    /// written before, too; if not, it has crashed or another one has taken over, which a pooler
    /// hides.
    async fn probe(&mut self) -> Result<(), StoreError> {
        let (live, now) = (&*self.live, self.shared.now());
        let Some((route, seq, _)) = live.last.as_ref().filter(|(_, _, at)| now.since(*at) < SETTLED) else {
            return Ok(());
        };
        if !StoreError::within(patience(self.shared), self.session.has(&live.writer, route, *seq)).await? {
            tracing::warn!(target: "atrion", provider = NAME, "the server lost what it had committed: it is written again");
            self.shared.own.vectors.mark_lost(now);
        }
        Ok(())
    }

    /// Writes vectors, after a probe. If the database refuses what is in them, halves are tried, so
    /// that one row that it will never take keeps no other from being stored.
    pub(super) async fn vectors(&mut self, batch: &[(RouteId, PhysicsVector)]) -> Result<(), StoreError> {
        self.probe().await?;
        let (patience, tally) = (patience(self.shared), &self.shared.tally);
        let mut parts = vec![self.shared.own.rows(batch)];
        while let Some(mut rows) = parts.pop() {
            match StoreError::within(patience, self.session.upsert(&self.live.writer, &rows)).await {
                Ok(news) => {
                    self.shared.unsettled(true);
                    self.live.last = rows.last().map(|row| (row.route.clone(), row.seq, self.shared.now()));
                    Tally::add(&tally.written, news);
                    Tally::add(&tally.stale, (rows.len() as u64).saturating_sub(news));
                }
                Err(failure) if failure.is_of_the_data() && rows.len() > 1 => {
                    parts.push(rows.split_off(rows.len() / 2));
                    parts.push(rows);
                }
                Err(failure) if failure.is_of_the_data() => Tally::add(&tally.refused, 1),
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    async fn history(&mut self) -> Result<(), StoreError> {
        let rows = self.shared.own.unwell(self.shared.now());
        let routes = rows.iter().map(|(route, _)| route.clone()).collect();
        let merged: HashMap<_, _> = self.shared.merged(routes).collect();
        let mut made = false;
        for sample in rows.chunks(BATCH) {
            self.write_dated(Dated::Samples(sample, &merged), &mut made).await?;
        }
        Ok(())
    }

    /// Returns when all that was written is in the server's log on disk. What was written without
    /// waiting for the disk is in the log before what is written now: one commit that waits covers
    /// them all.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        if self.shared.is_unsettled() {
            StoreError::within(patience(self.shared), self.session.barrier()).await?;
            self.shared.unsettled(false);
        }
        Ok(())
    }
}

/// How long to wait for an answer: the server's own limit, and as much again for the way there and
/// back.
fn patience(shared: &Shared) -> Duration {
    2 * shared.config.statement_timeout
}
