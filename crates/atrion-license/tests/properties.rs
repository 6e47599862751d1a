// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What holds for every license and every piece of text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

#[path = "support/keys.rs"]
mod keys;

use std::num::NonZeroU32;

use atrion_license::{
    Environment, Feature, Keeper, Kind, LicenseId, LicenseKey, OnExpiry, SigningKey, Terms, Tier, UnixTime,
    Verifier,
};
use proptest::prelude::*;

use keys::{assert_nothing_leaks, contract, reading_of, sign, verify};

prop_compose! {
    fn any_terms()(
        milliseconds in 0_u64..1 << 48, random: [u8; 10],
        licensee in "[^\\p{C}\\u{2028}\\u{2029}]{1,128}",
        tier in prop::sample::select(&Tier::ALL[..]),
        kind in prop::sample::select(&Kind::ALL[..]),
        environment in prop::sample::select(&Environment::ALL[..]),
        clusters in prop::option::of(1_u32..),
        audience in prop::option::of(prop::collection::vec("[a-z0-9-]{1,20}", 0..5)),
        features in prop::collection::btree_set(prop::sample::select(&Feature::ALL[..]), 0..=3),
        times in [0..=UnixTime::MAX.seconds(), 0..=UnixTime::MAX.seconds(), 0..=UnixTime::MAX.seconds()],
        endless: bool,
        grace_days in 0..=Terms::MAX_GRACE_DAYS,
        on_expiry in prop::sample::select(&OnExpiry::ALL[..]),
    ) -> Terms {
        let mut times = times.map(UnixTime::from_seconds);
        times.sort();
        let [not_before, issued, expires] = times;
        let id = LicenseId::from_parts(milliseconds, random);
        let mut terms = Terms::new(id, licensee, tier, issued, expires).with_kind(kind);
        terms.environment = environment;
        terms.clusters = clusters.and_then(NonZeroU32::new);
        terms.audience = audience;
        terms.features = features;
        terms.not_before = not_before;
        terms.grace_days = grace_days;
        terms.on_expiry = on_expiry;
        if endless && kind == Kind::Development {
            terms.expires = None;
        }
        terms
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_issued_key_verifies_to_what_was_issued(terms in any_terms(), seed: [u8; 32]) {
        let signer = SigningKey::from_seed(&seed);
        let key = signer.issue(&terms).unwrap();
        let license = signer.verifier().unwrap().verify(&key).unwrap();
        prop_assert_eq!(license.terms(), &terms);
        prop_assert_eq!(license.kid(), signer.kid());
        // What a secret scanner looks for.
        let parts: Vec<_> = key.reveal().split('.').collect();
        prop_assert!((60..=2_048).contains(&parts[2].len()) && parts[3].len() == 86);
        prop_assert!(verify(key.reveal()).is_err(), "and nobody else trusts its signer");
    }

    #[test]
    fn no_flipped_bit_of_any_part_verifies(terms in any_terms(), bits in prop::collection::vec(any::<prop::sample::Index>(), 40)) {
        let key = sign(&terms);
        let length = key.reveal().len() * 8;
        for bit in bits {
            let bit = bit.index(length);
            let mut bytes = key.reveal().as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = String::from_utf8(bytes) else { continue };
            prop_assert!(verify(&text).is_err());
        }
    }

    /// Mutations that stay close to a key, so that they get far.
    #[test]
    fn nothing_that_is_shown_holds_payload_or_signature(
        terms in any_terms(), cut in any::<prop::sample::Index>(), insert in ".{0,3}", seconds: i64,
    ) {
        let good = sign(&terms).reveal().to_owned();
        let at = cut.index(good.len());
        let now = UnixTime::from_seconds(seconds);
        let broken = format!("{}{insert}{}", &good[..at], &good[at..]);
        let shortened = format!("{}{}", &good[..at], &good[(at + 1)..]);
        for text in [good.as_str(), &broken, &shortened, &good[..at]] {
            if let Ok(key) = text.parse::<LicenseKey>() {
                assert_nothing_leaks(&good, &format!("{key:?}"));
            }
            let reading = reading_of(text);
            assert_nothing_leaks(&good, &format!("{reading:?}"));
            let mut keeper = Keeper::new(Verifier::embedded());
            keeper.observe(reading, now);
            let fault = keeper.fault().map(|fault| format!("{fault} {fault:?}"));
            let signals = keeper.signals(now);
            prop_assert!(!signals.is_empty(), "never silent");
            let report = keeper.report(now);
            assert_nothing_leaks(&good, &format!("{fault:?} {signals:?} {report} {report:?} {keeper:?}"));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", prefix in prop::sample::select(vec!["", "atrion_pro_v1.43a36f71."])) {
        let text = format!("{prefix}{text}");
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn no_signed_bytes_make_it_panic(payload in prop::collection::vec(any::<u8>(), 1..300)) {
        let key = SigningKey::from_seed(&[1; 32]).sign_payload(Tier::Pro, &payload).unwrap();
        let verifier = SigningKey::from_seed(&[1; 32]).verifier().unwrap();
        prop_assert!(verifier.verify(&key).is_err());
    }

    /// A permit is given exactly to the features and the names that the license has.
    #[test]
    fn a_permit_is_for_a_feature_and_a_cluster(terms in any_terms(), cluster in "[a-c]{1,2}") {
        let license = verify(sign(&terms).reveal()).unwrap();
        for feature in Feature::ALL {
            let named = terms.audience.as_ref().is_none_or(|names| names.contains(&cluster));
            let fits = terms.features.contains(&feature) && named;
            prop_assert_eq!(license.permits(feature, &cluster, terms.issued).is_ok(), fits && !license.has_lapsed(terms.issued));
        }
    }
}

#[test]
fn a_key_of_usual_terms_stays_short() {
    assert!(sign(&contract()).reveal().len() < 512);
}
