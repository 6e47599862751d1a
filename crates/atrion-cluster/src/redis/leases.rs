// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What this node holds under leases, for people: a hash of its own, a field for each lease. Over a
//! connection of its own, because it is no part of the fleet's protocol and nothing waits for it.

use std::collections::HashMap;
use std::fmt;

use atrion_core::Wall;
use atrion_state::{LeaseRecord, RouteId};
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use super::endpoint::ANSWER;
use super::error::StoreError;
use super::shared::Shared;
use super::stream::Commands;
use crate::bounded::Bounded as _;

/// The connection, made when it is first needed and anew after a failure.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Option<Commands>>);

/// What a node that does not come back held is kept for a week.
const WEEK_MS: i64 = 7 * 86_400_000;

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// Replaces what is kept, whole.
    pub(super) async fn keep(&self, shared: &Shared, leases: &[LeaseRecord]) -> Result<(), StoreError> {
        let key = key(shared);
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("UNLINK").arg(&key).ignore();
        if !leases.is_empty() {
            pipe.cmd("HSET").arg(&key);
            for (nth, record) in leases.iter().enumerate() {
                pipe.arg(nth).arg(written(record));
            }
            pipe.ignore().cmd("PEXPIRE").arg(&key).arg(WEEK_MS).ignore();
        }
        self.ask(shared, &key, async |mut connection| pipe.query_async(&mut connection).await).await
    }

    pub(super) async fn kept(&self, shared: &Shared) -> Result<Vec<LeaseRecord>, StoreError> {
        let key = key(shared);
        let mut all = redis::cmd("HGETALL");
        all.arg(&key);
        let asked = self.ask(shared, &key, async |mut connection| all.query_async(&mut connection).await);
        let kept: HashMap<Vec<u8>, Vec<u8>> = asked.await?;
        let kept = kept.values().filter_map(|text| read(std::str::from_utf8(text).ok()?));
        let mut kept: Vec<_> = kept.collect();
        kept.sort_by_key(|record| (record.since.as_millis(), record.lease));
        Ok(kept)
    }

    async fn ask<T>(
        &self,
        shared: &Shared,
        key: &str,
        work: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, redis::RedisError>,
    ) -> Result<T, StoreError> {
        // Given up midway, the connection is made anew.
        let mut held = self.0.lock().await;
        let commands = match held.take() {
            Some(commands) => commands,
            None => shared.endpoint.resolve(key).await?.commands().await?,
        };
        let answer = StoreError::within(ANSWER, work(commands.connection())).await?;
        *held = Some(commands);
        Ok(answer)
    }
}

fn key(shared: &Shared) -> String {
    shared.keys.leases(shared.fleet().node())
}

/// Times and progress, the route, the owner: a line each. A route has no line ends, an owner may.
fn written(record: &LeaseRecord) -> String {
    let LeaseRecord { route, lease, owner, since, beat, progress, lost } = record;
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let progress = or_none(progress.map(|part| part.to_string()));
    let lost = or_none(lost.map(|at| at.as_millis().to_string()));
    format!("{lease} {} {} {progress} {lost}\n{route}\n{owner}", since.as_millis(), beat.as_millis())
}

/// `None`: it is no lease.
fn read(text: &str) -> Option<LeaseRecord> {
    let mut lines = text.splitn(3, '\n');
    let (numbers, route, owner) = (lines.next()?, lines.next()?, lines.next()?);
    let numbers: Vec<&str> = numbers.split(' ').collect();
    let [lease, since, beat, progress, lost] = numbers[..] else { return None };
    let wall = |text: &str| text.parse().ok().map(Wall::from_millis);
    let part = |text: &str| text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    Some(LeaseRecord {
        route: RouteId::new(route).ok()?,
        lease: lease.parse().ok()?,
        owner: owner.into(),
        since: wall(since)?,
        beat: wall(beat)?,
        progress: if progress == "-" { None } else { Some(part(progress)?) },
        lost: if lost == "-" { None } else { Some(wall(lost)?) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_lease_is_left_out() {
        let record = LeaseRecord {
            route: RouteId::new("jobs").unwrap(),
            lease: 7,
            owner: "a\nb".into(),
            since: Wall::from_millis(1),
            beat: Wall::from_millis(2),
            progress: Some(0.1 + 0.2),
            lost: Some(Wall::from_millis(3)),
        };
        assert_eq!(read(&written(&record)), Some(record));
        for text in [
            "",
            "7 1 2 - -",
            "7 1 2 - -\njobs",
            "7 1 2 -\njobs\na",
            "7 1 2 2 -\njobs\na",
            "7 1 -2 - -\njobs\na",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert!(read("7 1 2 - -\njobs\n").is_some());
    }
}
