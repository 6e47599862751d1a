// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a license means to an adapter. One file for all of them, so that they behave alike.
//!
//! - Without a license that permits it an adapter keeps its node's state in memory and goes
//!   nowhere. Admission works as it does with one.
//! - What was permitted once stays permitted for the life of the value: a license that ends stops
//!   no running sync.
//! - What was missing is looked for again every minute: a license that arrives needs no restart.
//! - Every case is logged with what mends it, and logged again; observers hear of each change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atrion_core::Wall;
use atrion_license::{ClusterLedger, Feature, LicenseError, State, UnixTime, Watch};
use atrion_state::{Event, LicenseStanding, LicenseState, lock};

/// An adapter's license, watched.
#[derive(Debug)]
pub(crate) struct LicenseGate {
    provider: &'static str,
    feature: Feature,
    cluster: String,
    granted: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    watch: Watch,
    /// What observers heard last.
    told: Option<LicenseStanding>,
    /// What was refused, and when that was last logged.
    refused: Option<(LicenseError, UnixTime)>,
}

/// How often a refusal is logged again, in seconds.
const EVERY: i64 = 3_600;

impl LicenseGate {
    /// Watches a license for the use of `feature` in `cluster`. Reads it now, once.
    pub(crate) fn new(
        watch: Watch,
        feature: Feature,
        cluster: &str,
        provider: &'static str,
        now: Wall,
    ) -> Self {
        let inner = Inner { watch: watch.for_cluster(cluster), told: None, refused: None };
        let gate = Self {
            provider,
            feature,
            cluster: cluster.to_owned(),
            granted: AtomicBool::new(false),
            inner: Mutex::new(inner),
        };
        gate.read(&mut gate.lock(), unix(now));
        gate
    }

    /// Whether the adapter may go to its store.
    pub(crate) fn is_granted(&self) -> bool {
        // Relaxed: it only ever becomes true, and a reader that sees it late tries again.
        self.granted.load(Ordering::Relaxed)
    }

    /// Why not, for callers that want to know at once.
    pub(crate) fn refusal(&self) -> Option<LicenseError> {
        if self.is_granted() {
            return None;
        }
        let inner = self.lock();
        let refused = inner.refused.as_ref().map(|(error, _)| error.clone());
        refused
            .or_else(|| inner.watch.fault().map(|fault| fault.error.clone()))
            .or(Some(LicenseError::NotFound))
    }

    /// Reads the license and logs what is due; gives the event for observers, if anything has
    /// changed. Call it outside of locks.
    pub(crate) fn poll(&self, now: Wall) -> Option<Event> {
        let mut inner = self.lock();
        self.read(&mut inner, unix(now));
        let license = standing(&inner.watch, unix(now));
        if inner.told.as_ref() == Some(&license) {
            return None;
        }
        inner.told = Some(license.clone());
        let message = match &inner.refused {
            Some((error, _)) => error.to_string(),
            None => inner.watch.report(unix(now)).to_string(),
        };
        Some(Event::LicenseChanged { provider: self.provider, license, message: message.into() })
    }

    /// The observer was replaced: the new one has heard nothing yet.
    pub(crate) fn tell_again(&self) {
        self.lock().told = None;
    }

    /// How it stands, for gauges.
    pub(crate) fn standing(&self, now: Wall) -> LicenseStanding {
        standing(&self.lock().watch, unix(now))
    }

    /// The name of the license in use.
    pub(crate) fn license_id(&self) -> Option<String> {
        self.lock().watch.license().map(|license| license.id().to_string())
    }

    /// Clusters that are registered under the same license in the same store, each with the seconds
    /// since it was seen.
    pub(crate) fn saw_clusters(&self, seen: &[(String, i64)], now: Wall) {
        let mut ledger = ClusterLedger::default();
        for (name, age) in seen {
            // One that was seen in the future would count for ever.
            ledger.note(name, unix(now).plus(-(*age).max(0)));
        }
        self.lock().watch.saw_clusters(&ledger);
    }

    /// How many clusters use the license, and by how many that is more than it allows.
    pub(crate) fn clusters(&self, now: Wall) -> (usize, usize) {
        let report = self.lock().watch.report(unix(now));
        (report.clusters, report.clusters_above_limit)
    }

    /// How long until there is something to read or to log, an hour at most.
    pub(crate) fn next_due(&self, now: Wall) -> Duration {
        let due = self.lock().watch.next_due(unix(now)).since(unix(now));
        // Never at once: a watch with nothing to read is due all the time.
        Duration::from_secs(u64::try_from(due).unwrap_or(0).clamp(60, 3_600))
    }

    fn read(&self, inner: &mut Inner, now: UnixTime) {
        for signal in inner.watch.poll(now) {
            signal.log();
        }
        let Some(license) = inner.watch.license() else { return };
        match license.permits(self.feature, &self.cluster, now) {
            Ok(()) => {
                inner.refused = None;
                self.granted.store(true, Ordering::Relaxed);
            }
            // A sync that runs goes on.
            Err(_) if self.is_granted() => {}
            Err(error) => self.refuse(inner, error, now),
        }
    }

    fn refuse(&self, inner: &mut Inner, error: LicenseError, now: UnixTime) {
        let said = inner.refused.as_ref().filter(|(last, _)| *last == error).map(|(_, at)| *at);
        if said.is_some_and(|at| now.since(at) < EVERY && now >= at) {
            return;
        }
        let provider = self.provider;
        tracing::error!(target: "atrion::license", provider, "state stays in memory: {error}");
        inner.refused = Some((error, now));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

fn unix(wall: Wall) -> UnixTime {
    UnixTime::from_seconds(i64::try_from(wall.as_millis() / 1_000).unwrap_or(i64::MAX))
}

fn standing(watch: &Watch, now: UnixTime) -> LicenseStanding {
    let report = watch.report(now);
    let Some(license) = &report.license else {
        let is_invalid = report.fault.is_some_and(|fault| fault.error != LicenseError::NotFound);
        let mut standing = LicenseStanding::unlicensed();
        if is_invalid {
            standing.state = LicenseState::Invalid;
        }
        return standing;
    };
    let state = match report.state {
        State::Active => LicenseState::Active,
        State::Expiring => LicenseState::Expiring,
        State::Grace => LicenseState::Grace,
        State::Expired => LicenseState::Expired,
        _ => LicenseState::Unlicensed,
    };
    let wall =
        |at: UnixTime| Wall::from_millis(u64::try_from(at.seconds()).unwrap_or(0).saturating_mul(1_000));
    let id: Arc<str> = license.id().as_str().into();
    LicenseStanding::new(id, state, license.terms().expires.map(wall))
}

#[cfg(test)]
mod tests {
    use atrion_license::{Kind, Sources, Terms, Tier, development};

    use super::*;

    const NOW: Wall = Wall::from_millis(1_800_000_000_000);

    fn gate(watch: Watch) -> LicenseGate {
        LicenseGate::new(watch, Feature::Postgres, "shop", "postgres", NOW)
    }

    fn issued(change: impl FnOnce(Terms) -> Terms) -> Watch {
        let key = development::signing_key().issue(&change(development::terms(Tier::Pro))).unwrap();
        Watch::from(key)
    }

    #[test]
    fn a_license_permits_and_is_told_once() {
        let gate = gate(issued(|terms| terms));
        assert!(gate.is_granted() && gate.refusal().is_none());
        let told = gate.poll(NOW);
        assert!(
            matches!(&told, Some(Event::LicenseChanged { license, .. }) if license.state == LicenseState::Active),
            "{told:?}"
        );
        assert!(gate.poll(NOW).is_none());
        gate.tell_again();
        assert!(gate.poll(NOW).is_some());
    }

    #[test]
    fn without_one_nothing_is_granted_and_the_reason_is_there() {
        let nowhere = Sources::file("/nowhere/atrion.key");
        let gate = gate(Watch::from(nowhere));
        assert!(!gate.is_granted());
        assert!(gate.refusal().is_some());
        assert_eq!(gate.standing(NOW).state, LicenseState::Invalid);
    }

    #[test]
    fn a_license_for_others_grants_nothing() {
        let for_redis = |mut terms: Terms| {
            terms.features = [Feature::Redis].into();
            terms
        };
        let for_others = |mut terms: Terms| {
            terms.audience = Some(vec!["other".into()]);
            terms
        };
        for change in [for_redis as fn(Terms) -> Terms, for_others] {
            let gate = gate(issued(change));
            assert!(!gate.is_granted());
            let told = gate.poll(NOW);
            let Some(Event::LicenseChanged { message, .. }) = told else { panic!("{told:?}") };
            assert!(message.contains(gate.refusal().unwrap().to_string().as_str()), "{message}");
        }
    }

    #[test]
    fn what_runs_goes_on_when_a_trial_is_over_and_does_not_start_again() {
        let day = 86_400_000;
        let ended = |terms: Terms| {
            let mut terms = terms.with_kind(Kind::Trial);
            terms.expires = Some(UnixTime::from_seconds(1_800_000_000 + 86_400));
            terms.grace_days = 0;
            terms
        };
        let later = Wall::from_millis(NOW.as_millis() + 2 * day);
        let running = gate(issued(ended));
        assert!(running.is_granted());
        assert!(running.poll(later).is_some());
        assert!(running.is_granted(), "a running sync was stopped");
        let started = LicenseGate::new(issued(ended), Feature::Postgres, "shop", "postgres", later);
        assert!(!started.is_granted());
    }
}
