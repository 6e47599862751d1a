// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What this node holds under leases, as rows for people.

use std::time::Duration;

use atrion_core::Wall;
use atrion_state::{LeaseRecord, ProviderError, RouteId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::store::{Job, Store};
use crate::bounded::Bounded as _;

/// In all. The caller gives it up soon after.
const PATIENCE: Duration = Duration::from_millis(700);

impl Store {
    /// Without a license none are kept.
    pub(super) async fn write_leases(&self, leases: &[LeaseRecord]) -> Result<(), ProviderError> {
        if !self.shared.adapter.license.is_granted() {
            return Ok(());
        }
        let mut job = self.job().await?;
        let kept = {
            let (session, writer) = (&mut job.session, &job.live.writer);
            StoreError::within(PATIENCE, session.keep_leases(writer, leases)).await
        };
        job.end_with(kept)
    }

    pub(super) async fn read_leases(&self) -> Result<Vec<LeaseRecord>, ProviderError> {
        if !self.shared.adapter.license.is_granted() {
            return Ok(Vec::new());
        }
        let mut job = self.job().await?;
        let kept = {
            let (session, writer) = (&mut job.session, &job.live.writer);
            StoreError::within(PATIENCE, session.kept_leases(writer)).await
        };
        job.end_with(kept)
    }
}

impl Job<'_> {
    /// A role that was granted less than what `manual/persistence.md` lists keeps its connection.
    fn end_with<T>(self, result: Result<T, StoreError>) -> Result<T, ProviderError> {
        if result.as_ref().err().is_none_or(StoreError::is_an_answer) {
            self.end();
        }
        Ok(result?)
    }
}

/// One row, if it is a lease: what is in a database is outside input.
pub(super) fn lease(row: &PgRow) -> Option<LeaseRecord> {
    let wall = |millis: i64| u64::try_from(millis).ok().map(Wall::from_millis);
    Some(LeaseRecord {
        route: RouteId::new(row.try_get("route").ok()?).ok()?,
        lease: u64::try_from(row.try_get::<i64, _>("lease").ok()?).ok()?,
        owner: row.try_get::<String, _>("owner").ok()?.into(),
        since: wall(row.try_get("since").ok()?)?,
        beat: wall(row.try_get("beat").ok()?)?,
        progress: row.try_get("progress").ok()?,
        lost: row.try_get::<Option<i64>, _>("lost").ok()?.and_then(wall),
    })
}
