// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Which clusters use the license, as far as one store knows: a hash of their names and when each
//! was last seen, which outlives its last writer by a day. Above the license's limit there is an
//! error in the log and a gauge, and nothing else, ever. Over a connection of its own, because the
//! hash may lie anywhere in a Redis Cluster.

use std::collections::HashMap;
use std::time::Duration;

use atrion_license::ClusterLedger;

use super::endpoint::ANSWER;
use super::error::StoreError;
use super::shared::Shared;
use crate::bounded::Bounded as _;

/// How often a cluster is counted.
pub(super) const EVERY: Duration = Duration::from_secs(3_600);

/// Registers this cluster and reads which others are registered.
pub(super) async fn count(shared: &Shared) -> Result<(), StoreError> {
    let Some(id) = shared.adapter.license.license_id() else { return Ok(()) };
    let key = shared.keys.license(&id);
    let commands = shared.endpoint.resolve(&key).await?.commands().await?;
    let mut connection = commands.connection();
    let now = i64::try_from(shared.adapter.wall().as_millis() / 1_000).unwrap_or(i64::MAX);
    let life = i64::try_from(ClusterLedger::TIME_TO_LIVE.as_secs()).unwrap_or(i64::MAX);
    let (seen,): (HashMap<String, i64>,) = {
        let mut pipe = redis::pipe();
        pipe.atomic();
        pipe.cmd("HSET").arg(&key).arg(&shared.cluster).arg(now).ignore();
        pipe.cmd("PEXPIRE").arg(&key).arg(life.saturating_mul(1_000)).ignore();
        pipe.cmd("HGETALL").arg(&key);
        StoreError::within(ANSWER, pipe.query_async(&mut connection)).await?
    };
    let aged = seen.into_iter().map(|(name, at)| (name, now.saturating_sub(at)));
    let (alive, forgotten): (Vec<_>, Vec<_>) = aged.partition(|(_, age)| *age < life);
    shared.adapter.license.saw_clusters(&alive, shared.adapter.wall());
    if !forgotten.is_empty() {
        let mut gone = redis::cmd("HDEL");
        gone.arg(&key).arg(forgotten.iter().map(|(name, _)| name).collect::<Vec<_>>());
        StoreError::within(ANSWER, gone.query_async::<()>(&mut connection)).await?;
    }
    Ok(())
}
