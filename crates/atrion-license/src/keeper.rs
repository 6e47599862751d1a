// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Keeps a license over the life of a process: when to read again, what to say, and when to repeat
//! it. No I/O, no clock, no task: readings and `now` come in, signals go out.
//!
//! The priorities, in this order: the host keeps running, admission stays correct, the license is
//! enforced. Nothing here stops anything. A refused reading does not take away the license in use,
//! which ends by its own terms; the log has every such case, and has it again.

mod conditions;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use self::conditions::Condition;
use crate::report::State;
use crate::source::Source;
use crate::time::{HOUR, MINUTE};
use crate::{
    ClusterLedger, License, LicenseFault, LicenseKey, Reading, Report, Signal, Topic, UnixTime, Verifier,
};

/// The license of a process, and what is known about it.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// Tells the keepers of a process apart.
    number: u64,
    verifier: Verifier,
    held: Option<License>,
    /// The key of the license in use, if it was read here: the same key is not verified again.
    key: Option<LicenseKey>,
    fault: Option<LicenseFault>,
    /// The file of the last reading, if every user of the machine may read it.
    exposed: Option<Source>,
    clusters: ClusterLedger,
    read_at: Option<UnixTime>,
    said: BTreeMap<Topic, Said>,
}

/// The number of the next keeper of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Seconds between two readings of the sources.
const READING: i64 = MINUTE;

/// What was last said on a topic: about what, when, and how often it is to be repeated.
#[derive(Clone, Debug)]
struct Said {
    about: String,
    at: UnixTime,
    every: Option<i64>,
}

impl Keeper {
    /// Nothing is held, and a reading is due.
    pub fn new(verifier: Verifier) -> Self {
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            verifier,
            held: None,
            key: None,
            fault: None,
            exposed: None,
            clusters: ClusterLedger::default(),
            read_at: None,
            said: BTreeMap::new(),
        }
    }

    /// Keeps a license that was verified elsewhere.
    #[must_use]
    pub fn holding(mut self, license: License) -> Self {
        self.hold(license);
        self
    }

    pub(crate) fn with_fault(self, fault: LicenseFault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// Whether the sources are to be read: at once, then every minute. Renewing needs no restart.
    pub fn is_reading_due(&self, now: UnixTime) -> bool {
        self.read_at.is_none_or(|at| is_over(at, READING, now))
    }

    /// Takes what a look at the sources found. A license that verifies replaces the one in use; a
    /// key that does not verify leaves it.
    pub fn observe(&mut self, reading: Reading, now: UnixTime) {
        self.read_at = Some(now);
        self.exposed = reading.source.clone().filter(|_| reading.world_readable);
        let key = reading.key.as_ref().ok().cloned();
        if key.as_ref().is_some_and(|key| self.holds(key, reading.source.as_ref())) {
            self.fault = None;
            return;
        }
        match reading.verify(&self.verifier) {
            Ok(license) => {
                self.hold(license);
                self.key = key;
            }
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Whether the license in use was read from this key in this source.
    fn holds(&self, key: &LicenseKey, source: Option<&Source>) -> bool {
        let is_read = self.key.as_ref().is_some_and(|read| read.reveal() == key.reveal());
        is_read && self.held.as_ref().map(License::source) == source
    }

    fn hold(&mut self, license: License) {
        if self.held.as_ref().is_none_or(|held| held.id() != license.id()) {
            // Clusters are counted under the license that they use.
            self.clusters = ClusterLedger::default();
        }
        self.held = Some(license);
        self.key = None;
        self.fault = None;
    }

    /// Clusters that were seen to use the license.
    pub fn saw_clusters(&mut self, seen: &ClusterLedger) {
        self.clusters.merge(seen);
    }

    /// The license in use.
    pub fn license(&self) -> Option<&License> {
        self.held.as_ref()
    }

    /// What is wrong with the last key that was read, if something is.
    pub fn fault(&self) -> Option<&LicenseFault> {
        self.fault.as_ref()
    }

    /// What is due to be said at `now`. A signal is not repeated before its time, unless it
    /// changes.
    pub fn signals(&mut self, now: UnixTime) -> Vec<Signal> {
        let conditions = self.conditions(now);
        // A condition that ends and comes back is news.
        self.said.retain(|topic, _| conditions.iter().any(|condition| condition.topic == *topic));
        conditions
            .into_iter()
            .filter(|condition| self.is_due(condition, now))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|condition| self.say(condition, now))
            .collect()
    }

    fn is_due(&self, condition: &Condition, now: UnixTime) -> bool {
        self.said.get(&condition.topic).is_none_or(|said| {
            said.about != condition.about || condition.every.is_some_and(|every| is_over(said.at, every, now))
        })
    }

    fn say(&mut self, condition: Condition, now: UnixTime) -> Signal {
        let Condition { level, topic, message, about, every } = condition;
        self.said.insert(topic, Said { about: about.clone(), at: now, every });
        let next = every.map(|every| now.plus(every));
        Signal { level, topic, message, next, about, keeper: self.number, at: now }
    }

    /// When to come back: the next reading or the next repetition, an hour from now at the latest.
    pub fn next_due(&self, now: UnixTime) -> UnixTime {
        let reading = self.read_at.map(|at| at.plus(READING));
        let repetitions = self.said.values().filter_map(|said| Some(said.at.plus(said.every?)));
        let first = reading.into_iter().chain(repetitions).min().unwrap_or(now);
        first.clamp(now, now.plus(HOUR))
    }

    /// How things stand, for a status page and for gauges.
    pub fn report(&self, now: UnixTime) -> Report {
        let limit = self.held.as_ref().and_then(|license| license.terms().clusters);
        let excess = self.clusters.excess(limit, now);
        Report {
            state: State::of(self.held.as_ref(), now),
            license: self.held.clone(),
            seconds_left: self.held.as_ref().and_then(|l| Some(l.terms().expires?.since(now))),
            fault: self.fault.clone(),
            clusters: self.clusters.count(now),
            clusters_above_limit: excess.map_or(0, |e| e.seen - usize::try_from(e.limit).unwrap_or(e.seen)),
        }
    }
}

/// Whether a span has passed. A clock that was put back ends every wait: a signal too early is
/// better than one next year.
fn is_over(begin: UnixTime, span: i64, now: UnixTime) -> bool {
    now < begin || now.since(begin) >= span
}
