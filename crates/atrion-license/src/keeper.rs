// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Keeps a licence over the life of a process: when to read again, what to say, and when to say it
//! again. No I/O, no clock, no task: readings and `now` come in, signals go out.
//!
//! The priorities, in this order: the host keeps running, admission stays correct, the licence is
//! enforced. So nothing here stops anything. A reading that is refused does not take away the
//! licence in use, which ends by its own terms; every such case is said in the log, and said again.

mod conditions;

use std::collections::BTreeMap;

use self::conditions::Condition;
use crate::report::State;
use crate::source::Source;
use crate::time::HOUR;
use crate::{ClusterLedger, License, LicenseFault, Reading, Report, Signal, Topic, UnixTime, Verifier};

/// The licence of a process, and what is known about it.
#[derive(Clone, Debug)]
pub struct Keeper {
    verifier: Verifier,
    held: Option<License>,
    fault: Option<LicenseFault>,
    /// The file of the last reading, if everybody may read it.
    exposed: Option<Source>,
    clusters: ClusterLedger,
    read_at: Option<UnixTime>,
    said: BTreeMap<Topic, Said>,
}

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
            verifier,
            held: None,
            fault: None,
            exposed: None,
            clusters: ClusterLedger::default(),
            read_at: None,
            said: BTreeMap::new(),
        }
    }

    /// Keeps a licence that was verified elsewhere.
    #[must_use]
    pub fn holding(mut self, license: License) -> Self {
        self.hold(license);
        self
    }

    pub(crate) fn with_fault(self, fault: LicenseFault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// Whether the sources are to be read: once, then every hour. Renewing needs no restart.
    pub fn is_reading_due(&self, now: UnixTime) -> bool {
        self.read_at.is_none_or(|at| is_over(at, HOUR, now))
    }

    /// Takes what a look at the sources found. A licence that verifies replaces the one in use; one
    /// that does not leaves it.
    pub fn observe(&mut self, reading: Reading, now: UnixTime) {
        self.read_at = Some(now);
        self.exposed = reading.source.clone().filter(|_| reading.world_readable);
        match reading.verify(&self.verifier) {
            Ok(license) => self.hold(license),
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn hold(&mut self, license: License) {
        if self.held.as_ref().is_none_or(|held| held.id() != license.id()) {
            // Clusters are counted under the licence that they use.
            self.clusters = ClusterLedger::default();
        }
        self.held = Some(license);
        self.fault = None;
    }

    /// Clusters that were seen to use the licence.
    pub fn saw_clusters(&mut self, seen: &ClusterLedger) {
        self.clusters.merge(seen);
    }

    /// The licence in use.
    pub fn license(&self) -> Option<&License> {
        self.held.as_ref()
    }

    /// What is wrong with the last key that was read, if something is.
    pub fn fault(&self) -> Option<&LicenseFault> {
        self.fault.as_ref()
    }

    /// What is due to be said at `now`. What was said is not said again before its time, unless
    /// it changes.
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
        self.said.insert(topic, Said { about, at: now, every });
        Signal { level, topic, message, next: every.map(|every| now.plus(every)) }
    }

    /// When to come back: the next reading or the next repetition, an hour from now at the latest.
    pub fn next_due(&self, now: UnixTime) -> UnixTime {
        let reading = self.read_at.map(|at| at.plus(HOUR));
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

/// Whether a span has passed. A clock that was put back ends every wait: too early is better than
/// not until next year.
fn is_over(begin: UnixTime, span: i64, now: UnixTime) -> bool {
    now < begin || now.since(begin) >= span
}
