// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! *What if* over HTTP, with recorded minutes of a route under load.

use std::time::{Duration, Instant};

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, OwnedPermit};
use atrion_studio::Running;
use serde_json::{Value, json};

use crate::client::{Answer, PATIENCE, get, post, sign_in, world};

const ASK: &str = "/studio/v1/whatif";

/// Sends more than a cap of eight lets in, until enough is kept for a replay.
async fn crowd(atrion: &Atrion, studio: &Running, cookie: &str) {
    let route = atrion.route("GET /crowded");
    let begin = Instant::now();
    loop {
        let permits: Vec<OwnedPermit> =
            (0..40).filter_map(|nth| route.admit_owned(Tier::ALL[nth % 5]).ok()).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        let kept = get(studio.address(), ASK, &[("Cookie", cookie)]).await.json();
        let found = kept["routes"].as_array().unwrap().iter().find(|one| one["route"] == "GET /crowded");
        if found.is_some_and(|found| found["pulses"].as_u64() >= Some(45)) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "not enough is kept: {kept}");
    }
}

/// Asks, and waits for its turn if another run comes first.
async fn ask(studio: &Running, cookie: &str, question: &Value) -> Answer {
    let begin = Instant::now();
    loop {
        let answer = post(studio.address(), ASK, &[("Cookie", cookie)], question).await;
        if answer.status != 429 {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "no turn: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn recorded_minutes_are_lived_through_again_and_nothing_live_is_touched() {
    let (atrion, studio) = world(|builder| builder).await;
    let cookie = sign_in(&studio).await;
    let signed = [("Cookie", cookie.as_str())];
    crowd(&atrion, &studio, &cookie).await;
    let kept = get(studio.address(), ASK, &signed).await.json();
    let settings = kept["routes"].as_array().unwrap().iter().find(|one| one["route"] == "GET /crowded");
    let settings = &settings.expect("the crowded route is kept")["settings"];
    assert!(settings["physics.adaptive.gain"].is_number() && settings["cap"].is_null(), "{settings}");

    let before = atrion.config();
    let question = |settings: Value| json!({ "route": "GET /crowded", "seconds": 60, "settings": settings });
    let ask = async |settings| ask(&studio, &cookie, &question(settings)).await;
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
    assert!(atrion.config() == before && atrion.overrides().list().is_empty());

    for (settings, words) in [
        (json!({ "cap": 0 }), "`cap` must be 1 or more"),
        (json!({ "physics.adaptive.gian": 2 }), "no setting"),
        (json!({ "physics.adaptive.gain": -1 }), "`gain` must be"),
    ] {
        let answer = ask(settings).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{answer:?}");
    }
    let other = json!({ "route": "GET /other", "seconds": 60, "settings": {} });
    assert_eq!(self::ask(&studio, &cookie, &other).await.status, 404);
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
    // As many at once as the bound on changes allows.
    let mut refused = 0;
    for _ in 0..20 {
        refused += usize::from(post(to, ASK, &[("Cookie", &cookie)], &question).await.status == 429);
    }
    assert!(refused > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_setting_makes_a_run_endless_and_one_runs_at_a_time() {
    let (atrion, studio) = world(|builder| builder).await;
    let cookie = sign_in(&studio).await;
    crowd(&atrion, &studio, &cookie).await;
    let kept = get(studio.address(), ASK, &[("Cookie", &cookie)]).await.json();
    let found = kept["routes"].as_array().unwrap().iter().find(|one| one["route"] == "GET /crowded").unwrap();
    let question = |seconds: u64, settings: Value| json!({ "route": "GET /crowded", "seconds": seconds, "settings": settings });

    // The extremes of each number, alone: it is refused, or its run ends soon.
    let mut ran = 0;
    for (path, recorded) in found["settings"].as_object().unwrap() {
        let most = if recorded.is_u64() || recorded.is_null() { json!(u64::MAX) } else { json!(1e300) };
        for worst in [json!(1e-300), most] {
            let begin = Instant::now();
            let answer = ask(&studio, &cookie, &question(60, json!({ (path.as_str()): worst }))).await;
            assert!([200, 422].contains(&answer.status), "{path} = {worst}: {answer:?}");
            assert!(begin.elapsed() < Duration::from_secs(20), "{path} = {worst} took {:?}", begin.elapsed());
            ran += usize::from(answer.status == 200);
        }
    }
    assert!(ran > 5, "some of it is a setting that there can be: {ran}");
    for seconds in [0, 1, u64::MAX] {
        let answer = ask(&studio, &cookie, &question(seconds, json!({}))).await;
        assert!([200, 422].contains(&answer.status), "{seconds} s: {answer:?}");
    }
    let many: serde_json::Map<String, Value> = (0..200).map(|n| (format!("s{n}"), json!(1))).collect();
    assert_eq!(ask(&studio, &cookie, &question(60, many.into())).await.status, 422);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let headers = [("Cookie", cookie.as_str())];
    let nested = json!({ "route": "GET /crowded", "seconds": 60, "settings": { "cap": "DEEP" } });
    let nested = nested.to_string().replace("\"DEEP\"", &deep);
    let origin = format!("http://{}", studio.address());
    let page = [headers[0], ("Origin", &origin), ("Content-Type", "application/json")];
    let mut refused = 0;
    while refused == 0 {
        let answer = crate::client::send(studio.address(), "POST", ASK, &page, &nested).await;
        assert!([422, 429].contains(&answer.status), "{answer:?}");
        refused += usize::from(answer.status == 422);
    }
    // Eight at once: a question that is not run at once is refused, and nothing piles up.
    let begin = Instant::now();
    let mut answered = 0;
    while answered == 0 {
        assert!(begin.elapsed() < PATIENCE, "none of them was ever run");
        let runs = (0..8).map(|_| {
            let (to, cookie) = (studio.address(), cookie.clone());
            let asked = question(60, json!({}));
            tokio::spawn(async move { post(to, ASK, &[("Cookie", &cookie)], &asked).await.status })
        });
        for run in runs.collect::<Vec<_>>() {
            let status = run.await.unwrap();
            assert!([200, 429].contains(&status), "{status}");
            answered += usize::from(status == 200);
        }
    }
}
