// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The licence of Studio: what the key says, and whether the views may be shown.
//!
//! Nothing but the views depends on it. Admission, health, metrics and the read-only API go on without a licence, and
//! views that were opened under a licence stay open until the process ends, as every adapter's do.

use std::sync::Mutex;

use atrion_license::{Feature, License, LicenseError, Report, State, UnixTime, Watch};
use atrion_state::lock;
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Gate {
    cluster: String,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    watch: Watch,
    was_permitted: bool,
}

impl Gate {
    pub(crate) fn new(watch: Watch, cluster: String) -> Self {
        Self { cluster, inner: Mutex::new(Inner { watch, was_permitted: false }) }
    }

    /// Reads the licence again if that is due, and says in the log what there is to say. It reads one small file an hour.
    pub(crate) fn poll(&self, now: UnixTime) {
        let mut inner = lock(&self.inner);
        for signal in inner.watch.poll(now) {
            signal.log();
        }
        if self.refusal(inner.watch.license(), now).is_none() {
            inner.was_permitted = true;
        }
    }

    /// Whether the views may be shown.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.inner).was_permitted
    }

    fn refusal(&self, license: Option<&License>, now: UnixTime) -> Option<LicenseError> {
        match license {
            None => Some(LicenseError::NotFound),
            Some(license) => license.permits(Feature::Studio, &self.cluster, now).err(),
        }
    }

    /// What there is to know about it, for the page.
    pub(crate) fn view(&self, now: UnixTime) -> Value {
        let inner = lock(&self.inner);
        let report = inner.watch.report(now);
        let fault = report.fault.as_ref().map(ToString::to_string);
        let refusal = self.refusal(report.license.as_ref(), now).map(|error| error.to_string());
        json!({
            "permitted": inner.was_permitted,
            "state": word(&report),
            // Why not, and what mends it: the message of the key that was found, or that there is none.
            "trouble": if inner.was_permitted { fault } else { fault.or(refusal) },
            "license": report.license.as_ref().map(terms),
            "clusters": report.clusters,
            "clustersAboveLimit": report.clusters_above_limit,
        })
    }
}

fn word(report: &Report) -> &'static str {
    match report.state {
        State::Active => "active",
        State::Expiring => "expiring",
        State::Grace => "grace",
        State::Expired => "expired",
        _ => "unlicensed",
    }
}

fn terms(license: &License) -> Value {
    let terms = license.terms();
    json!({
        "id": terms.id.as_str(),
        "licensee": terms.licensee,
        "tier": terms.tier.to_string(),
        "kind": terms.kind.to_string(),
        "environment": terms.environment.to_string(),
        "features": terms.features.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "clusters": terms.clusters,
        "audience": terms.audience,
        "issued": terms.issued.seconds(),
        "expires": terms.expires.map(UnixTime::seconds),
        "graceDays": terms.grace_days,
        "onExpiry": terms.on_expiry.to_string(),
        "source": license.source().to_string(),
        "signedWith": license.kid().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use atrion_license::{LicenseKey, Sources, Tier, development};

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn gate(key: Result<LicenseKey, LicenseError>) -> Gate {
        let gate = Gate::new(Watch::from(key.unwrap()), "default".to_owned());
        gate.poll(NOW);
        gate
    }

    #[test]
    fn a_key_with_the_feature_opens_and_one_without_says_so() {
        assert!(gate(development::key(Tier::Starter)).is_open());
        let mut terms = development::terms(Tier::Pro);
        terms.features = [Feature::Redis].into();
        let without = gate(development::signing_key().issue(&terms));
        let view = without.view(NOW);
        assert!(!without.is_open() && view["license"]["tier"] == "pro");
        assert!(view["trouble"].as_str().unwrap().contains("studio"), "{view}");
    }

    #[test]
    fn a_missing_key_is_looked_for_again_and_what_is_open_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("license.key");
        let sources = Sources::from_lookup(|_| None).with_default_file(&path);
        let gate = Gate::new(Watch::new(sources, atrion_license::Verifier::embedded()), "default".to_owned());
        gate.poll(NOW);
        assert!(!gate.is_open() && gate.view(NOW)["state"] == "unlicensed");
        assert!(gate.view(NOW)["trouble"].as_str().unwrap().contains("ATRION_LICENSE"), "{}", gate.view(NOW));
        std::fs::write(&path, development::key(Tier::Pro).unwrap().reveal()).unwrap();
        gate.poll(NOW.plus(3_600));
        assert!(gate.is_open());
        std::fs::remove_file(&path).unwrap();
        gate.poll(NOW.plus(7_200));
        assert!(gate.is_open());
    }
}
