// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the licenses of one process share: the clusters that use each, and what the log has.
//!
//! One lock for both. It is taken once a minute for each watch, and its content is whole after
//! every step, so a panic elsewhere does not close it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{ClusterLedger, LicenseId, UnixTime};
#[cfg(feature = "tracing")]
use crate::{Signal, Topic};

struct Process {
    clusters: BTreeMap<LicenseId, ClusterLedger>,
    #[cfg(feature = "tracing")]
    logged: BTreeMap<(Topic, String), Logged>,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    clusters: BTreeMap::new(),
    #[cfg(feature = "tracing")]
    logged: BTreeMap::new(),
});

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the clusters of one watch, and gives those of all watches under the same license.
pub(crate) fn note_clusters(id: &LicenseId, clusters: &[String], now: UnixTime) -> ClusterLedger {
    let mut process = process();
    let ledger = process.clusters.entry(id.clone()).or_default();
    clusters.iter().for_each(|name| ledger.note(name, now));
    ledger.clone()
}

/// The keeper that logged a condition last, when, and when it is due again.
#[cfg(feature = "tracing")]
struct Logged {
    keeper: u64,
    at: UnixTime,
    next: Option<UnixTime>,
}

/// The most conditions. A file is outside input: a condition above the limit clears the record, and
/// each one is logged once more.
#[cfg(feature = "tracing")]
const CAPACITY: usize = 256;

/// Whether a signal is to be logged: always if its keeper was the last to log it, since a keeper
/// repeats nothing before its time; else if it is due again. A keeper that is gone is followed by
/// another one at the next repetition. A clock that was put back ends the wait.
#[cfg(feature = "tracing")]
pub(crate) fn is_news(signal: &Signal) -> bool {
    let logged = &mut process().logged;
    let key = (signal.topic, signal.about.clone());
    let now = signal.at;
    let by_another = logged.get(&key).filter(|last| last.keeper != signal.keeper);
    if by_another.is_some_and(|last| now >= last.at && last.next.is_none_or(|next| now < next)) {
        return false;
    }
    if logged.len() >= CAPACITY {
        logged.clear();
    }
    logged.insert(key, Logged { keeper: signal.keeper, at: now, next: signal.next });
    true
}
