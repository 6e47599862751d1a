// SPDX-License-Identifier: Apache-2.0
//! What is read from files and written for people: configurations, overrides, snapshots, samples.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, Outcome, Reason, Spread, Tier};
use atrion_engine::{Config, Hold, LeaseOptions, Override, Physics, Profile, RouteConfig};
use atrion_state::{Event, OverrideKind};
use serde_json::json;

use crate::world::{World, admit_all, ms};

const TOML: &str = r#"
max_routes = 2000

[default]
slo = "1s"
cap = 64
physics.adaptive.min_target = 8

[routes."GET /export"]
slo = "30s"
cap = 8

[routes."POST /admin/*"]
shadow = true
group = "admin"

[routes."rpc/*"]
spread = "middle"
physics.adaptive.dead_after = 10

[routes.literal]
physics.rfc.law.base_resistance = 12
"#;

const JSON: &str = r#"{
    "max_routes": 2000,
    "default": {"slo": "1s", "cap": 64, "physics": {"adaptive": {"min_target": 8}}},
    "routes": {
        "GET /export": {"slo": "30s", "cap": 8},
        "POST /admin/*": {"shadow": true, "group": "admin"},
        "rpc/*": {"spread": "middle", "physics": {"adaptive": {"dead_after": 10}}},
        "literal": {"physics": {"rfc": {"law": {"base_resistance": 12}}}}
    }
}"#;

fn adaptive(config: &RouteConfig) -> &AdaptiveConfig {
    match &config.physics {
        Physics::Adaptive(adaptive) => adaptive,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_has_from_the_default_what_it_leaves_out() {
    let config: Config = toml::from_str(TOML).unwrap();
    config.check().unwrap();
    assert_eq!(config, serde_json::from_str(JSON).unwrap());
    assert_eq!(config.of("POST /admin/users").group.as_deref(), Some("admin"));

    let default = RouteConfig { cap: Some(64), ..RouteConfig::default() }.slo(ms(1_000));
    let with = |change: fn(&mut AdaptiveConfig)| {
        let mut physics = AdaptiveConfig { min_target: 8.0, ..adaptive(&default).clone() };
        change(&mut physics);
        RouteConfig { physics: Physics::Adaptive(physics), ..default.clone() }
    };
    assert_eq!(config.default, with(|_| {}));
    assert_eq!(config.of("GET /export"), &with(|_| {}).slo(Duration::from_secs(30)).cap(8));
    assert_eq!(config.of("POST /admin/users"), &with(|_| {}).shadow(true).group("admin"));
    let rpc = RouteConfig { spread: Spread::Middle, ..with(|physics| physics.dead_after = 10) };
    assert_eq!(config.of("rpc/a"), &rpc);
    // Nothing of one preset's numbers holds for another one; the rest does.
    let literal = config.of("literal");
    let Physics::Rfc(rfc) = &literal.physics else { panic!("{literal:?}") };
    assert_eq!((rfc.law.base_resistance, literal.cap), (12.0, Some(64)));
}

#[test]
fn an_entry_may_take_back_what_the_default_sets() {
    let text = r#"{"default": {"slo": "1s", "cap": 64}, "routes": {"r": {"cap": null}}}"#;
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!((config.of("r").cap, adaptive(config.of("r")).slo), (None, Some(ms(1_000))));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, wanted) in [
        (
            r#"{"routes": {"api/*": {"capp": 3}}}"#,
            "in routes.\"api/*\": unknown field `capp`, expected one of `profile`, `slo`, `cap`, `grace`, `group`",
        ),
        (
            r#"{"default": {"slo": "soon"}}"#,
            "in default: invalid value: string \"soon\", expected a duration",
        ),
        (
            r#"{"default": {"slo": "1s", "physics": {"adaptive": {"slo": "2s"}}}}"#,
            "in default: `slo` is set here and in `physics`",
        ),
        (
            r#"{"routes": {"r": {"physics": {"adaptive": {"min_targets": 1}}}}}"#,
            "in routes.\"r\": unknown field `min_targets`",
        ),
        (
            r#"{"routes": {"r": {"profile": "havy"}}}"#,
            "in routes.\"r\": `profile`: unknown variant `havy`, expected one of `light`, `standard`, `heavy`",
        ),
        (r#"{"routes": {"r": {"hold": "long"}}}"#, "in routes.\"r\": unknown variant `long`"),
        (r#"{"default": {"heartbeat": 5}}"#, "expected a duration with its unit"),
        (r#"{"default": {"physics": {"magic": {}}}}"#, "in default: unknown variant `magic`"),
        (r#"{"route": {}}"#, "unknown field `route`"),
        (r#"{"default": null}"#, "in default: invalid type: null"),
    ] {
        let told = serde_json::from_str::<Config>(text).unwrap_err().to_string();
        assert!(told.contains(wanted), "{text}: {told}");
    }
}

#[test]
fn a_profile_presets_and_what_the_entry_says_itself_wins() {
    let text = r#"
        [default]
        profile = "standard"
        cap = 64
        [routes.export]
        profile = "heavy"
        [routes.train]
        profile = "extreme"
        slo = "2h"
        heartbeat = "30s"
        hold = "verdict"
        physics.adaptive.min_target = 3
        [routes.own]
        profile = "custom"
        grace = "1s"
        [routes.literal]
        profile = "light"
        physics.rfc.law.base_resistance = 12
    "#;
    let config: Config = toml::from_str(text).unwrap();
    config.check().unwrap();
    let capped = || RouteConfig::default().cap(64);
    assert_eq!(config.default, capped().profile(Profile::Standard));
    assert_eq!(config.of("export"), &capped().profile(Profile::Heavy));

    let train = config.of("train");
    let grace = LeaseOptions::extreme().grace;
    let extreme = capped().profile(Profile::Extreme).slo(Duration::from_secs(7_200)).hold(Hold::Verdict);
    let Physics::Adaptive(physics) = extreme.physics.clone() else { panic!("{extreme:?}") };
    let physics = Physics::Adaptive(AdaptiveConfig { min_target: 3.0, ..physics });
    assert_eq!(train, &RouteConfig { physics, ..extreme }.lease(Duration::from_secs(30), grace));

    // It takes back what the default's profile has preset, and nothing else.
    assert_eq!(config.of("own"), &RouteConfig { grace: Some(ms(1_000)), ..capped() });
    let literal = config.of("literal");
    let Physics::Rfc(rfc) = &literal.physics else { panic!("{literal:?}") };
    assert_eq!((rfc.slo.latency, rfc.law.base_resistance), (1.0, 12.0));

    assert_eq!(serde_json::from_value::<Config>(serde_json::to_value(&config).unwrap()).unwrap(), config);
}

#[test]
fn what_is_written_is_read_again() {
    let config: Config = toml::from_str(TOML).unwrap();
    assert_eq!(serde_json::from_value::<Config>(serde_json::to_value(&config).unwrap()).unwrap(), config);
    assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);
}

#[test]
fn entries_that_no_route_matches_are_reported_once() {
    let config: Config = toml::from_str(TOML).unwrap();
    let world = World::new(config);
    for name in ["GET /export", "rpc/a", "literal"] {
        let _ = world.engine.route(name);
    }
    assert_eq!(world.engine.routes().unmatched_entries(), ["POST /admin/*"]);
    world.ticks(1_200);
    let told = world.events.events();
    let told: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::EntriesUnmatched { entries } => Some(entries.to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [["POST /admin/*".to_owned()]]);
    let _ = world.engine.route("POST /admin/users");
    assert!(world.engine.routes().unmatched_entries().is_empty());
}

#[test]
fn an_override_is_read_from_a_form_and_written_to_one() {
    let text = r#"{"kind": "force_open", "reason": "a move", "time_to_live": "10m"}"#;
    let wanted = Override {
        kind: OverrideKind::ForceOpen,
        reason: "a move".to_owned(),
        time_to_live: Duration::from_secs(600),
    };
    let read: Override = serde_json::from_str(text).unwrap();
    assert_eq!(read, wanted);
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(written, json!({"kind": "force_open", "reason": "a move", "time_to_live": "10m"}));
    assert!(serde_json::from_str::<Override>(r#"{"kind": "reset", "reason": "why"}"#).is_ok());
}

#[test]
fn the_counts_of_a_snapshot_and_the_terms_of_a_sample_have_names() {
    let world = World::new(Config { default: RouteConfig::default().cap(2), ..Config::default() });
    let route = world.learned("r");
    let _ = world.engine.routes().refusals_after(0);
    let held = admit_all(&route, 2);
    assert!(route.admit(Tier::High).is_err());
    world.tick();
    held.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    let snapshot = serde_json::to_value(world.engine.snapshot()).unwrap();
    let routes = snapshot["routes"].as_array().unwrap();
    let counts = &routes.iter().find(|route| route["id"] == "r").unwrap()["counts"];
    assert_eq!(counts["shed"]["at_cap"]["high"], 1, "{counts}");
    assert_eq!(counts["admitted"]["critical"], 150 + 2, "{counts}");
    assert_eq!(counts["turned_away"]["high"], 0, "{counts}");
    assert_eq!(counts["shed"].as_object().unwrap().len(), Reason::ALL.len());

    let samples = serde_json::to_value(world.engine.routes().refusals_after(0)).unwrap();
    let sample = &samples[0];
    assert_eq!((&sample["route"], &sample["reason"]), (&json!("r"), &json!("at_cap")), "{sample}");
    assert!(sample["terms"]["base"].is_f64() && sample["retry_after"].is_f64(), "{sample}");
}
