// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What would have been: asked over HTTP, with recorded minutes of a route under a load.

use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, OwnedPermit};
use serde_json::{Value, json};

use crate::client::{get, post, sign_in, world};

const ASK: &str = "/studio/v1/whatif";

/// Six seconds in which more comes than a cap of eight lets in.
async fn crowd(atrion: &Atrion) {
    let route = atrion.route("GET /crowded");
    for _ in 0..60 {
        let permits: Vec<OwnedPermit> =
            (0..40).filter_map(|nth| route.admit_owned(Tier::ALL[nth % 5]).ok()).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    }
}

#[tokio::test]
async fn recorded_minutes_are_lived_through_again_and_nothing_live_is_touched() {
    let (atrion, studio) = world(|builder| builder).await;
    let cookie = sign_in(&studio).await;
    let signed = [("Cookie", cookie.as_str())];
    crowd(&atrion).await;
    let kept = get(studio.address(), ASK, &signed).await.json();
    let settings = kept["routes"].as_array().unwrap().iter().find(|one| one["route"] == "GET /crowded");
    let settings = &settings.expect("the crowded route is kept")["settings"];
    assert!(settings["physics.adaptive.gain"].is_number() && settings["cap"].is_null(), "{settings}");

    let before = atrion.config();
    let question = |settings: Value| json!({ "route": "GET /crowded", "seconds": 60, "settings": settings });
    let ask = async |settings| post(studio.address(), ASK, &signed, &question(settings)).await;
    let same = ask(json!({})).await;
    assert_eq!(same.status, 200, "{same:?}");
    let same = same.json();
    assert!(same["pulses"].as_u64().unwrap() >= 30 && same["pulses"] == same["same"], "{same}");
    assert_eq!(
        (&same["changes"], same["points"].as_array().unwrap()[0].as_array().unwrap().len()),
        (&json!(0), 7)
    );
    let capped = ask(json!({ "cap": 4 })).await.json();
    let shed = |of: &Value, nth: usize| {
        of["shed"][nth].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>()
    };
    assert!(shed(&capped, 2) > shed(&same, 2) + 100, "{capped}");
    assert_eq!(shed(&capped, 0), shed(&same, 0), "what was is what was");
    assert!(atrion.config() == before && atrion.overrides().is_empty());

    for (settings, words) in [
        (json!({ "cap": 0 }), "`cap` must be 1 or more"),
        (json!({ "physics.adaptive.gian": 2 }), "no setting"),
        (json!({ "physics.adaptive.gain": -1 }), "`gain` must be"),
    ] {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let answer = ask(settings).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{answer:?}");
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    let other = json!({ "route": "GET /other", "seconds": 60, "settings": {} });
    assert_eq!(post(studio.address(), ASK, &signed, &other).await.status, 404);
    assert!(!atrion.snapshot().routes.iter().any(|route| route.id.as_str() == "GET /other"));
}

#[tokio::test]
async fn it_is_held_to_the_rules_of_changes_and_can_be_switched_off() {
    let (atrion, studio) = world(|builder| builder.kept_minutes(0)).await;
    let _ = atrion.route("r").admit(Tier::Normal);
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let question = json!({ "route": "r", "seconds": 60, "settings": {} });
    assert_eq!(post(to, ASK, &[], &question).await.status, 401);
    assert_eq!(get(to, ASK, &[]).await.status, 401);
    for foreign in
        [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Content-Type", "text/plain")]
    {
        assert_eq!(
            post(to, ASK, &[("Cookie", &cookie), foreign], &question).await.status,
            403,
            "{foreign:?}"
        );
    }
    let off = post(to, ASK, &[("Cookie", &cookie)], &question).await;
    assert!(off.status == 404 && off.body.contains("kept_minutes"), "{off:?}");
    assert_eq!(get(to, ASK, &[("Cookie", &cookie)]).await.json(), json!({ "minutes": 0, "routes": [] }));
    // As many at once as there may be changes.
    let mut refused = 0;
    for _ in 0..20 {
        refused += usize::from(post(to, ASK, &[("Cookie", &cookie)], &question).await.status == 429);
    }
    assert!(refused > 0);
}
