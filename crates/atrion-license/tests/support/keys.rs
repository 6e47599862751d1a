// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Keys for tests, and a look for what must never be shown.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use atrion_license::{
    Environment, Kind, License, LicenseError, LicenseId, LicenseKey, Reading, Sources, Terms, Tier, UnixTime,
    Verifier, development,
};

pub(crate) const DAY: i64 = 86_400;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const MINUTE: i64 = 60;
pub(crate) const ISSUED: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// A contract of 100 days, signed with the development key.
pub(crate) fn contract() -> Terms {
    let id = LicenseId::from_parts(1_800_000_000_000, [3; 10]);
    Terms::new(id, "Example GmbH", Tier::Pro, ISSUED, ISSUED.plus(100 * DAY))
}

pub(crate) fn trial() -> Terms {
    contract().with_kind(Kind::Trial)
}

pub(crate) fn sign(terms: &Terms) -> LicenseKey {
    development::signing_key().issue(terms).expect("the terms keep the rules")
}

/// Signs whatever JSON it is given.
pub(crate) fn sign_json(json: &str) -> LicenseKey {
    development::signing_key().sign_payload(Tier::Pro, json.as_bytes()).expect("it is a key")
}

pub(crate) fn verify(text: &str) -> Result<License, LicenseError> {
    Verifier::embedded().verify(&text.parse()?)
}

/// What a process finds that has this key in its code, and nothing else.
pub(crate) fn reading_of(text: &str) -> Reading {
    Sources::from_lookup(|_| None).with_key(text).read()
}

/// What a process finds that has no key at all.
pub(crate) fn nothing() -> Reading {
    Sources::from_lookup(|_| None).with_default_file("/nonexistent/license.key").read()
}

pub(crate) fn non_production(terms: Terms) -> Terms {
    let mut terms = terms;
    terms.environment = Environment::NonProduction;
    terms
}

/// Panics if `shown` holds 12 characters in a row of the payload or of the signature of `key`.
pub(crate) fn assert_nothing_leaks(key: &str, shown: &str) {
    for secret in key.split('.').skip(2) {
        for at in 0..secret.len().saturating_sub(11) {
            let window = &secret[at..at + 12];
            assert!(!shown.contains(window), "{window:?} of the key is shown in {shown:?}");
        }
    }
}
