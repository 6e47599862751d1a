// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The license of Studio: the terms of the key, and whether the views may be shown.
//!
//! Only the views depend on it. Admission, health, metrics and the read-only API go on without a
//! license, and views that were opened under a license stay open until the process ends, as with
//! every adapter.

use std::sync::Mutex;

use atrion_license::{Feature, License, LicenseError, Report, State, UnixTime, Watch};
use atrion_state::{Clock as _, SystemClock, lock};
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct LicenseView {
    cluster: String,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    watch: Watch,
    was_permitted: bool,
}

impl LicenseView {
    pub(crate) fn new(watch: Watch, cluster: String) -> Self {
        Self { cluster, inner: Mutex::new(Inner { watch, was_permitted: false }) }
    }

    /// Reads the license again if that is due (one small file a minute), and logs what has changed.
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

    /// The license as the page shows it.
    pub(crate) fn as_json(&self, now: UnixTime) -> Value {
        let inner = lock(&self.inner);
        let report = inner.watch.report(now);
        let fault = report.fault.as_ref().map(ToString::to_string);
        let refusal = self.refusal(report.license.as_ref(), now).map(|error| error.to_string());
        json!({
            "permitted": inner.was_permitted,
            "state": word(&report),
            // Why not, and what mends it: the fault of the key that was found, or that there is
            // none.
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

/// The wall clock, as licenses count it.
pub(crate) fn unix_now() -> UnixTime {
    let seconds = SystemClock.wall().as_millis() / 1_000;
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use atrion_license::{LicenseKey, Sources, Tier, development};

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn view(key: Result<LicenseKey, LicenseError>) -> LicenseView {
        let view = LicenseView::new(Watch::from(key.unwrap()), "default".to_owned());
        view.poll(NOW);
        view
    }

    #[test]
    fn a_key_with_the_feature_opens_and_one_without_says_so() {
        assert!(view(development::key(Tier::Starter)).is_open());
        let mut terms = development::terms(Tier::Pro);
        terms.features = [Feature::Redis].into();
        let without = view(development::signing_key().issue(&terms));
        let said = without.as_json(NOW);
        assert!(!without.is_open() && said["license"]["tier"] == "pro");
        assert!(said["trouble"].as_str().unwrap().contains("studio"), "{said}");
    }

    #[test]
    fn a_missing_key_is_looked_for_again_and_what_is_open_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("license.key");
        let sources = Sources::from_lookup(|_| None).with_default_file(&path);
        let view =
            LicenseView::new(Watch::new(sources, atrion_license::Verifier::embedded()), "default".to_owned());
        view.poll(NOW);
        assert!(!view.is_open() && view.as_json(NOW)["state"] == "unlicensed");
        assert!(
            view.as_json(NOW)["trouble"].as_str().unwrap().contains("ATRION_LICENSE"),
            "{}",
            view.as_json(NOW)
        );
        std::fs::write(&path, development::key(Tier::Pro).unwrap().reveal()).unwrap();
        view.poll(NOW.plus(3_600));
        assert!(view.is_open());
        std::fs::remove_file(&path).unwrap();
        view.poll(NOW.plus(7_200));
        assert!(view.is_open());
    }
}
