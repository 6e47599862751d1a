// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The payload's JSON, read after its signature was found to hold and not before.
//!
//! Fields are taken one by one and not by a derived reader: each refusal names its field, a field
//! that stands twice is refused even if its name is unknown, and `null` is told from absent.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde_json::Value;

use crate::redact::Shown;
use crate::{Feature, Kind, LicenseError, Terms};

mod fields;
use fields::{Fields, invalid};

/// Every field that this build understands: what `crit` may demand.
const FIELDS: [&str; 15] = [
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
];

/// Reads and checks a payload.
///
/// # Errors
/// `InvalidPayload` with the first field that breaks a rule, `UnsupportedCritical` if `crit` names
/// a field that this build does not know. Other unknown fields are ignored: an old build must not
/// die of a new field.
pub(crate) fn parse(json: &[u8]) -> Result<Terms, LicenseError> {
    let fields = Fields::read(json)?;
    if fields.integer("v")? != Some(1) {
        return Err(invalid("v"));
    }
    critical(&fields)?;
    let tier = fields.required("tier")?;
    let kind: Kind = fields.required("kind")?;
    let terms = Terms {
        id: fields.required("id")?,
        licensee: licensee(&fields)?,
        tier,
        kind,
        environment: fields.required("environment")?,
        clusters: clusters(&fields)?.unwrap_or(tier.clusters()),
        audience: audience(&fields)?,
        features: features(&fields)?,
        issued: fields.time("iat")?.ok_or(invalid("iat"))?,
        not_before: fields.time("nbf")?.ok_or(invalid("nbf"))?,
        expires: fields.time("exp")?,
        grace_days: grace_days(&fields)?.unwrap_or(kind.grace_days()),
        on_expiry: fields.optional("on_expiry")?.unwrap_or(kind.on_expiry()),
    };
    check_times(&terms)?;
    Ok(terms)
}

/// nbf <= iat <= exp; only a development license has no end.
fn check_times(terms: &Terms) -> Result<(), LicenseError> {
    if terms.not_before > terms.issued {
        return Err(invalid("nbf"));
    }
    match terms.expires {
        Some(expires) if expires < terms.issued => Err(invalid("exp")),
        None if terms.kind != Kind::Development => Err(invalid("exp")),
        _ => Ok(()),
    }
}

fn critical(fields: &Fields) -> Result<(), LicenseError> {
    let names = fields.texts("crit")?.unwrap_or_default();
    match names.into_iter().find(|name| !FIELDS.contains(name)) {
        Some(name) => Err(LicenseError::UnsupportedCritical { name: Shown::new(name) }),
        None => Ok(()),
    }
}

fn licensee(fields: &Fields) -> Result<String, LicenseError> {
    let name = fields.text("sub")?.ok_or(invalid("sub"))?;
    let is_good = (1..=128).contains(&name.chars().count()) && !name.chars().any(breaks_a_line);
    if is_good { Ok(name.to_owned()) } else { Err(invalid("sub")) }
}

/// The outer `None` is absent, the inner one is no limit.
fn clusters(fields: &Fields) -> Result<Option<Option<NonZeroU32>>, LicenseError> {
    match fields.value("clusters") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(value) => {
            let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new);
            number.map(|n| Some(Some(n))).ok_or(invalid("clusters"))
        }
    }
}

fn audience(fields: &Fields) -> Result<Option<Vec<String>>, LicenseError> {
    let names = fields.texts("audience")?;
    if names.iter().flatten().any(|name| name.is_empty() || name.chars().any(breaks_a_line)) {
        return Err(invalid("audience"));
    }
    Ok(names.map(|names| names.into_iter().map(str::to_owned).collect()))
}

fn features(fields: &Fields) -> Result<BTreeSet<Feature>, LicenseError> {
    let names = fields.texts("features")?.ok_or(invalid("features"))?;
    Ok(names.into_iter().filter_map(|name| name.parse().ok()).collect())
}

fn grace_days(fields: &Fields) -> Result<Option<u16>, LicenseError> {
    let days = fields.integer("grace_days")?;
    let in_range = |days: &u16| *days <= Terms::MAX_GRACE_DAYS;
    days.map(|d| u16::try_from(d).ok().filter(in_range).ok_or(invalid("grace_days"))).transpose()
}

/// Control characters, and the others that can forge a line in a log: separators of lines and of
/// paragraphs, and the marks that reverse the direction of text.
fn breaks_a_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes terms as a payload, with every field spelled out.
#[cfg(feature = "issue")]
pub(crate) fn write(terms: &Terms) -> Vec<u8> {
    let mut json = serde_json::json!({
        "v": 1,
        "id": terms.id.as_str(),
        "sub": terms.licensee,
        "tier": terms.tier.name(),
        "kind": terms.kind.name(),
        "environment": terms.environment.name(),
        "clusters": terms.clusters,
        "features": terms.features.iter().map(|feature| feature.name()).collect::<Vec<_>>(),
        "iat": terms.issued.seconds(),
        "nbf": terms.not_before.seconds(),
        "grace_days": terms.grace_days,
        "on_expiry": terms.on_expiry.name(),
    });
    if let Some(expires) = terms.expires {
        json["exp"] = expires.seconds().into();
    }
    if let Some(audience) = &terms.audience {
        json["audience"] = audience.as_slice().into();
    }
    json.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::OnExpiry;

    fn minimal() -> Value {
        json!({
            "v": 1, "id": "01ARYZ6S41ZZZZZZZZZZZZZZZZ", "sub": "Example GmbH", "tier": "pro", "kind": "contract",
            "environment": "production", "features": ["redis"], "iat": 1_000, "nbf": 1_000, "exp": 2_000,
        })
    }

    fn with(field: &str, value: Value) -> Result<Terms, LicenseError> {
        let mut json = minimal();
        json[field] = value;
        parse(json.to_string().as_bytes())
    }

    fn without(field: &str) -> Result<Terms, LicenseError> {
        let mut json = minimal();
        json.as_object_mut().unwrap().remove(field);
        parse(json.to_string().as_bytes())
    }

    #[test]
    fn defaults_come_from_the_tier_and_the_kind() {
        let terms = parse(minimal().to_string().as_bytes()).unwrap();
        assert_eq!(terms.clusters, NonZeroU32::new(5));
        assert_eq!((terms.grace_days, terms.on_expiry), (30, OnExpiry::Warn));
        let trial = with("kind", json!("trial")).unwrap();
        assert_eq!((trial.grace_days, trial.on_expiry), (7, OnExpiry::Degrade));
        let evaluation = with("kind", json!("evaluation")).unwrap();
        assert_eq!((evaluation.grace_days, evaluation.on_expiry), (14, OnExpiry::Degrade));
        assert_eq!(with("tier", json!("enterprise")).unwrap().clusters, None);
    }

    #[test]
    fn the_payload_may_say_otherwise_and_null_is_no_limit() {
        assert_eq!(with("clusters", json!(12)).unwrap().clusters, NonZeroU32::new(12));
        assert_eq!(with("clusters", Value::Null).unwrap().clusters, None);
        assert_eq!(with("grace_days", json!(180)).unwrap().grace_days, 180);
        assert_eq!(with("on_expiry", json!("degrade")).unwrap().on_expiry, OnExpiry::Degrade);
    }

    #[test]
    fn every_rule_that_is_broken_names_its_field() {
        let long = "x".repeat(129);
        let cases = [
            ("v", json!(2)),
            ("v", json!("1")),
            ("v", json!(1.0)),
            ("id", json!("7")),
            ("sub", json!("")),
            ("sub", json!(long)),
            ("sub", json!("two\nlines")),
            ("sub", json!("esc \u{1b}[31m")),
            ("sub", json!("c1 \u{85}")),
            ("sub", json!("forged \u{2028} line")),
            ("sub", json!("turned \u{202e} round")),
            ("sub", json!(null)),
            ("tier", json!("gold")),
            ("kind", json!("gift")),
            ("environment", json!("moon")),
            ("clusters", json!(0)),
            ("clusters", json!(-1)),
            ("clusters", json!(1.5)),
            ("clusters", json!("5")),
            ("clusters", json!(4_294_967_296_u64)),
            ("audience", json!("eu")),
            ("audience", json!([1])),
            ("audience", json!(["a\u{7}"])),
            ("features", json!("redis")),
            ("features", json!([null])),
            ("iat", json!(999)),
            ("iat", json!("1000")),
            ("nbf", json!(1_001)),
            ("nbf", json!(-1)),
            ("exp", json!(999)),
            ("exp", json!(1e300)),
            ("exp", json!(253_402_300_800_i64)),
            ("exp", json!(null)),
            ("grace_days", json!(181)),
            ("grace_days", json!(-1)),
            ("on_expiry", json!("explode")),
            ("crit", json!("v")),
            ("crit", json!([1])),
        ];
        for (field, value) in cases {
            // `iat` before `nbf` is seen at `nbf`.
            let seen = if field == "iat" && value == json!(999) { "nbf" } else { field };
            assert_eq!(with(field, value.clone()), Err(invalid(seen)), "{field} = {value}");
        }
        for field in ["v", "id", "sub", "tier", "kind", "environment", "features", "iat", "nbf", "exp"] {
            assert_eq!(without(field), Err(invalid(field)), "{field} missing");
        }
    }

    #[test]
    fn only_a_development_license_goes_without_an_end() {
        let mut json = minimal();
        json["kind"] = json!("development");
        json.as_object_mut().unwrap().remove("exp");
        let terms = parse(json.to_string().as_bytes()).unwrap();
        assert_eq!((terms.expires, terms.grace_days), (None, 0));
    }

    #[test]
    fn unknown_fields_and_features_are_ignored_unless_they_are_critical() {
        assert!(with("seats", json!({ "deep": [1, 2] })).is_ok());
        assert_eq!(
            with("features", json!(["redis", "telepathy"])).unwrap().features,
            [Feature::Redis].into()
        );
        assert!(with("crit", json!(["clusters", "exp"])).is_ok());
        let refused = with("crit", json!(["exp", "seats"]));
        assert_eq!(refused, Err(LicenseError::UnsupportedCritical { name: Shown::new("seats") }));
    }

    #[test]
    fn json_that_says_two_things_is_refused() {
        let good = minimal().to_string();
        let inner = good.trim_end_matches('}');
        let cases = [
            format!("{inner},\"sub\":\"Other\"}}"),
            format!("{inner},\"seats\":1,\"seats\":1}}"),
            format!("{inner},\"\\u0073ub\":\"Other\"}}"),
            format!("{good}{good}"),
            format!("{good} x"),
            format!("[{good}]"),
            inner.to_owned(),
            String::new(),
            "null".to_owned(),
            format!("{inner},\"deep\":{}", "[".repeat(500)),
        ];
        for json in cases {
            assert_eq!(parse(json.as_bytes()), Err(invalid("json")), "{json}");
        }
        assert_eq!(parse(b"{\"sub\":\"\xff\"}"), Err(invalid("json")));
        assert!(parse(format!(" {good} ").as_bytes()).is_ok(), "white space around is JSON's own");
    }
}
