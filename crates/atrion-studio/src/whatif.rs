// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! "What if": the settings of a recorded route as a flat list that the page can show and change,
//! and the answer to a change. Nothing here reaches a live route: a recording goes in, numbers come
//! out.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_core::Tier;
use atrion_engine::RouteConfig;
use atrion_engine::recording::Recorded;
use atrion_sim::replay::{self, Comparison, Course, Limits};
use serde::Deserialize;
use serde_json::{Value, json};

/// A question of a browser.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    pub(crate) route: String,
    /// How many of the latest seconds.
    pub(crate) seconds: u64,
    /// The changed settings, by path.
    pub(crate) settings: BTreeMap<String, Value>,
}

/// Half a million requests take a second or two of one core.
const LIMITS: Limits = Limits { requests: 500_000, seconds: 3_600, tried: 60_000 };

/// More settings than a configuration has.
const MOST_SETTINGS: usize = 64;

/// Whether a value is a duration: serde writes two numbers, the page shows one, in milliseconds.
fn is_duration(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.len() == 2 && object.contains_key("secs") && object.contains_key("nanos")
    })
}

/// Every number, switch and empty setting of a configuration, by path.
pub(crate) fn settings(config: &RouteConfig) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    // Plain data with text as keys: it cannot fail.
    flatten(&serde_json::to_value(config).unwrap_or_default(), String::new(), &mut flat);
    flat
}

fn flatten(value: &Value, at: String, flat: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(_) if is_duration(value) => {
            let part = |name: &str| value[name].as_f64().unwrap_or_default();
            flat.insert(at, json!(part("secs") * 1e3 + part("nanos") * 1e-6));
        }
        Value::Object(object) => {
            for (name, value) in object {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                flatten(value, path, flat);
            }
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {
            flat.insert(at, value.clone());
        }
        Value::String(_) | Value::Array(_) => {}
    }
}

/// The configuration with the changed settings.
fn changed(config: &RouteConfig, settings: &BTreeMap<String, Value>) -> Result<RouteConfig, String> {
    if settings.len() > MOST_SETTINGS {
        return Err(format!("at most {MOST_SETTINGS} settings can be another way at a time"));
    }
    let known = self::settings(config);
    let mut whole = serde_json::to_value(config).map_err(|error| error.to_string())?;
    for (path, wanted) in settings {
        let unknown = || format!("there is no setting {path:?} here");
        if !known.contains_key(path) {
            return Err(unknown());
        }
        let place = whole.pointer_mut(&format!("/{}", path.replace('.', "/"))).ok_or_else(unknown)?;
        let is_time = is_duration(place) || path.ends_with("adaptive.slo");
        *place = match wanted.as_f64() {
            Some(millis) if is_time => duration(path, millis)?,
            _ if wanted.is_number() || wanted.is_boolean() || wanted.is_null() => wanted.clone(),
            _ => return Err(format!("{path} has to be a number, a switch or nothing")),
        };
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

fn duration(path: &str, millis: f64) -> Result<Value, String> {
    let span = Duration::try_from_secs_f64(millis / 1e3);
    let span = span.map_err(|_| format!("{path} has to be a time in milliseconds, got {millis}"))?;
    Ok(json!({ "secs": span.as_secs(), "nanos": span.subsec_nanos() }))
}

/// Replays the recording. It takes seconds of CPU at the most, so it must not run on an async task.
pub(crate) fn answer(recorded: Recorded, question: &Question) -> Result<Value, String> {
    let recorded = recorded.latest(Duration::from_secs(question.seconds));
    let config = recorded.config().ok_or("nothing is kept of that route")?;
    let candidate = changed(config, &question.settings)?;
    let compared = replay::replay(&recorded, &candidate, 1, &LIMITS).map_err(|error| error.to_string())?;
    Ok(told(&compared))
}

fn told(compared: &Comparison) -> Value {
    let round = |value: f64| (value * 10.0).round() / 10.0;
    let courses = [&compared.recorded, &compared.model, &compared.candidate];
    let count = compared.recorded.seconds.len();
    let curves = courses.map(Course::resistances);
    let points: Vec<Value> = (0..count)
        .map(|second| {
            let of = |course: &Course| course.seconds.get(second).copied().unwrap_or_default();
            // NaN, where nothing was measured, is null in JSON.
            let ohms = [0, 1, 2].map(|nth| curves[nth].get(second).map_or(f64::NAN, |ohms| round(*ohms)));
            let shed = courses.map(|course| of(course).shed.iter().sum::<u64>());
            json!([
                compared.started_ms + 1_000 * second as u64,
                ohms[0],
                ohms[1],
                ohms[2],
                shed[0],
                shed[1],
                shed[2]
            ])
        })
        .collect();
    let of_each = |of: fn(&Course) -> Value| courses.map(of);
    json!({
        "route": compared.route,
        "seconds": count,
        "pulses": compared.proof.pulses,
        "same": compared.proof.same,
        "workers": compared.service.workers,
        "reached": compared.service.is_reached,
        "misfitOhm": round(compared.misfit_ohm),
        "notes": compared.notes,
        "changes": compared.changes.len(),
        "tiers": Tier::ALL.map(Tier::as_str),
        "offered": of_each(|course| json!(course.by_tier().0)),
        "shed": of_each(|course| json!(course.by_tier().1)),
        "answered": of_each(|course| json!(course.total(|second| second.answered))),
        "unsuccessful": of_each(|course| json!(course.total(|second| second.failed + second.late))),
        "braking": of_each(|course| json!(course.braked().iter().map(|when| when.until - when.from).sum::<usize>())),
        "points": points,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(settings: Value) -> Result<RouteConfig, String> {
        let config = RouteConfig::default().slo(Duration::from_millis(1_500));
        changed(&config, &serde_json::from_value(settings).unwrap())
    }

    #[test]
    fn settings_are_flat_and_come_back() {
        let config = RouteConfig::default().slo(Duration::from_micros(1_500_250)).cap(7);
        let flat = settings(&config);
        assert_eq!((&flat["cap"], &flat["physics.adaptive.slo"]), (&json!(7), &json!(1_500.25)));
        assert_eq!(flat["physics.adaptive.laws.debt"], json!(true));
        assert_eq!(changed(&config, &flat).unwrap(), config);
    }

    #[test]
    fn a_change_changes_what_it_names() {
        let path = "physics.adaptive.gain";
        let steep = asked(json!({ path: 3, "cap": 5, "physics.adaptive.slo": null })).unwrap();
        let flat = settings(&steep);
        assert_eq!(
            (&flat[path], &flat["cap"], &flat["physics.adaptive.slo"]),
            (&json!(3.0), &json!(5), &Value::Null)
        );
        let slow = asked(json!({ "physics.adaptive.slo": 250 })).unwrap();
        assert_eq!(slow, RouteConfig::default().slo(Duration::from_millis(250)));
    }

    #[test]
    fn nonsense_is_named() {
        for (settings, words) in [
            (json!({ "physics.adaptive.gian": 1 }), "no setting"),
            (json!({ "physics": 1 }), "no setting"),
            (json!({ "../cap": 1 }), "no setting"),
            (json!({ "cap": "many" }), "a number"),
            (json!({ "cap": -1 }), "invalid value"),
            (json!({ "cap": [1] }), "a number"),
            (json!({ "physics.adaptive.slo": -5 }), "milliseconds"),
            (json!({ "physics.adaptive.slo": 1e300 }), "milliseconds"),
            (json!({ "physics.adaptive.gain": true }), "invalid type"),
        ] {
            let error = asked(settings).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
