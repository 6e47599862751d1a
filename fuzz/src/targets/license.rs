// SPDX-License-Identifier: Apache-2.0
//! License keys: arbitrary bytes, keys with a bit or a part changed, and changed payloads that are
//! signed again with the development key. Without a valid signature no payload is read.

use atrion_license::{
    Feature, Keeper, Kind, LicenseError, LicenseKey, SigningKey, Sources, Terms, Tier, UnixTime, Verifier,
    development,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Target;
use crate::mutate;
use crate::random::Random;

pub struct License {
    verifier: Verifier,
    signer: SigningKey,
}

/// Names of payload fields, known and unknown.
const FIELDS: [&str; 16] = [
    "v",
    "id",
    "sub",
    "tier",
    "kind",
    "environment",
    "clusters",
    "audience",
    "features",
    "iat",
    "nbf",
    "exp",
    "grace_days",
    "on_expiry",
    "crit",
    "seats",
];
const VALUES: [&str; 30] = [
    "null",
    "true",
    "0",
    "1",
    "-1",
    "180",
    "181",
    "1800000000",
    "1790000000",
    "1830000000",
    "253402300799",
    "253402300800",
    "4294967296",
    "9223372036854775808",
    "1.5",
    "1e400",
    "\"\"",
    "\"pro\"",
    "\"trial\"",
    "\"development\"",
    "\"non_production\"",
    "\"degrade\"",
    "\"a\\nb\"",
    "\"\\u202e\"",
    "[]",
    "[\"redis\"]",
    "[\"seats\"]",
    "[\"clusters\"]",
    "\"00000000000000000000000000\"",
    "{\"a\":[{}]}",
];

impl License {
    /// The accepted text is the one that the signer writes for this payload, and its terms keep the
    /// rules.
    fn accepted(&self, key: &LicenseKey, terms: &Terms, license: &atrion_license::License) -> String {
        let payload = payload(key.reveal().as_bytes()).expect("it was decoded before");
        let again = self.signer.sign_payload(key.tier(), &payload).expect("it is a key");
        assert_eq!(again.reveal(), key.reveal(), "a forged or a second text for one payload");

        assert!(
            (1..=128).contains(&terms.licensee.chars().count())
                && !terms.licensee.chars().any(char::is_control)
        );
        assert!(
            terms.not_before <= terms.issued && terms.expires.is_none_or(|expires| terms.issued <= expires)
        );
        assert!(terms.expires.is_some() || terms.kind == Kind::Development);
        assert!(terms.grace_days <= Terms::MAX_GRACE_DAYS);
        // A payload may hold unknown fields; the known ones come back.
        let written = self.signer.issue(terms).expect("checked terms can be issued");
        let back = self.verifier.verify(&written).expect("what is issued verifies");
        assert_eq!(back.terms(), terms);

        for seconds in [i64::MIN, 0, 1_810_000_000, i64::MAX] {
            let now = UnixTime::from_seconds(seconds);
            let _ = license.status(now).to_string();
            let _ = license.permits(Feature::Redis, "eu", now);
        }
        format!("accepted {} {}", terms.tier, terms.kind)
    }
}

const WORDS: [&[u8]; 38] = [
    b"atrion_",
    b"sta",
    b"pro",
    b"ent",
    b"_v1.",
    b"_v2.",
    b".",
    b"=",
    b"43a36f71",
    b"\"v\":",
    b"\"id\":",
    b"\"sub\":",
    b"\"tier\":",
    b"\"kind\":",
    b"\"environment\":",
    b"\"clusters\":null",
    b"\"audience\":[\"a\"]",
    b"\"features\":[]",
    b"\"iat\":",
    b"\"nbf\":",
    b"\"exp\":",
    b"\"grace_days\":",
    b"\"on_expiry\":\"degrade\"",
    b"\"crit\":[\"seats\"]",
    b"\"trial\"",
    b"\"development\"",
    b"\"starter\"",
    b"\"enterprise\"",
    b"null",
    b"true",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\\u0000",
    b"\\ud800",
    b"\\n",
    b",",
    b"}",
    b"\xe2\x80\xa8",
];

impl Target for License {
    fn new() -> Self {
        Self { verifier: Verifier::embedded(), signer: development::signing_key() }
    }

    fn name(&self) -> &'static str {
        "license"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let terms = Tier::ALL.map(development::terms);
        let kinds = Kind::ALL.map(|kind| {
            let at = UnixTime::from_seconds;
            let id = atrion_license::LicenseId::from_parts(1, [0; 10]);
            Terms::new(id, "Example", Tier::Pro, at(1_800_000_000), at(1_830_000_000)).with_kind(kind)
        });
        let keys = terms.iter().chain(&kinds).map(|terms| self.signer.issue(terms).expect("good terms"));
        let mut seeds: Vec<Vec<u8>> = keys.map(|key| key.reveal().into()).collect();
        seeds.push(Vec::new());
        seeds
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        let payloads = (payload(input), payload(other));
        if let (Some(payload), Some(other)) = payloads
            && !random.one_in(3)
        {
            let changed = match fields(&payload, random) {
                Some(changed) if !random.one_in(3) => changed,
                _ => mutate::bytes(&payload, &WORDS, &other, random),
            };
            let tier = if random.one_in(8) { Tier::ALL[random.below(3)] } else { shown_tier(input) };
            if let Ok(key) = self.signer.sign_payload(tier, &changed) {
                return key.reveal().into();
            }
        }
        mutate::bytes(input, &WORDS, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        let reading = Sources::stream(input).read();
        let key = reading.key.clone();
        let result = reading.clone().verify(&self.verifier);
        let shown = format!("{reading:?} {key:?} {result:?}");
        nothing_leaks(input, &shown);

        let now = UnixTime::from_seconds(1_810_000_000);
        let mut keeper = Keeper::new(self.verifier.clone());
        keeper.observe(reading, now);
        let said: Vec<_> = keeper.signals(now).into_iter().map(|signal| signal.message).collect();
        assert!(!said.is_empty(), "silence");
        assert!(said.iter().all(|line| !line.contains(['\n', '\r', '\u{1b}'])), "a forged line: {said:?}");
        nothing_leaks(input, &said.concat());

        match result {
            Ok(license) => self.accepted(&key.expect("it verified"), license.terms(), &license),
            Err(fault) => {
                nothing_leaks(input, &fault.to_string());
                label(&fault.error)
            }
        }
    }
}

/// Changes one to three fields of a payload that is JSON.
fn fields(payload: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(payload).ok()?;
    for _ in 0..=random.below(3) {
        let field = FIELDS[random.below(FIELDS.len())];
        let value = VALUES[random.below(VALUES.len())];
        match serde_json::from_str(value) {
            Ok(value) if !random.one_in(6) => drop(json.insert(field.to_owned(), value)),
            _ => drop(json.remove(field)),
        }
    }
    serde_json::to_vec(&json).ok()
}

fn shown_tier(key: &[u8]) -> Tier {
    let key = std::str::from_utf8(key).ok().and_then(|text| text.parse::<LicenseKey>().ok());
    key.map_or(Tier::Pro, |key| key.tier())
}

fn label(error: &LicenseError) -> String {
    match error {
        LicenseError::InvalidPayload { field } => format!("{} {field}", error.code()),
        LicenseError::Malformed { part } | LicenseError::TooLong { part, .. } => {
            format!("{} {part}", error.code())
        }
        _ => error.code().to_owned(),
    }
}

fn payload(key: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(key).ok()?;
    URL_SAFE_NO_PAD.decode(text.trim_ascii().split('.').nth(2)?).ok()
}

/// The beginnings of keys. They are public: keys and error messages show them.
const BEGINNINGS: [&str; 3] = ["atrion_sta_v1", "atrion_pro_v1", "atrion_ent_v1"];

/// Asserts that no 12 consecutive bytes in the place of the payload or the signature are shown, if
/// they are base64 and not a part of the beginning of a key.
fn nothing_leaks(input: &[u8], shown: &str) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for part in text.split('.').skip(2) {
        for window in part.as_bytes().windows(12).step_by(5) {
            let is_base64 =
                window.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            let window = std::str::from_utf8(window).unwrap_or_default();
            let is_public = BEGINNINGS.iter().any(|beginning| beginning.contains(window));
            assert!(!is_base64 || is_public || !shown.contains(window), "{window:?} is shown in {shown:?}");
        }
    }
}
