// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Overrides from end to end: off by default, with a reason, an end, an author and an undo.

use atrion_core::Tier;
use atrion_engine::LeaseOptions;
use atrion_state::LeaseEnd;
use serde_json::{Value, json};

use crate::client::{Events, post, sign_in, world};

const AGENT: &str = "</td><script>alert(1)</script>\"'<img src=x onerror=alert(2)>";

fn wish(change: impl FnOnce(&mut Value)) -> Value {
    let mut wish =
        json!({ "route": "r", "kind": "force_open", "reason": "a test", "author": "me", "seconds": 60 });
    change(&mut wish);
    wish
}

#[tokio::test]
async fn they_are_off_unless_switched_on() {
    let (atrion, studio) = world(|builder| builder).await;
    let _ = atrion.route("r");
    let cookie = sign_in(&studio).await;
    for path in ["/studio/v1/overrides", "/studio/v1/overrides/lift", "/studio/v1/leases/revoke"] {
        let answer = post(studio.address(), path, &[("Cookie", &cookie)], &wish(|_| ())).await;
        assert!(answer.status == 403 && answer.body.contains(".overrides(true)"), "{answer:?}");
    }
    assert!(atrion.overrides().list().is_empty());
    assert_eq!(post(studio.address(), "/studio/v1/overrides", &[], &wish(|_| ())).await.status, 401);
}

#[tokio::test]
async fn one_is_set_seen_and_lifted() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let route = atrion.route("r");
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut events = Events::open(to, &cookie, None).await;
    assert_eq!(events.until("state").await.data["around"]["overrides"], json!([]));

    let headers = [("Cookie", cookie.as_str()), ("User-Agent", AGENT)];
    let answer = post(to, "/studio/v1/overrides", &headers, &wish(|_| ())).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(route.admit(Tier::Critical).is_err());
    let shown = events.until("around").await.data["overrides"][0].clone();
    assert_eq!(
        (&shown["route"], &shown["kind"], &shown["reason"]),
        (&json!("r"), &json!("force_open"), &json!("a test"))
    );
    assert_eq!((&shown["author"], &shown["agent"]), (&json!("me"), &json!(AGENT)));
    // Logs and other tools see the author.
    assert_eq!(atrion.overrides().get(&route).unwrap().reason, "a test [me]");

    let lift = json!({ "route": "r", "author": "me" });
    assert_eq!(post(to, "/studio/v1/overrides/lift", &headers, &lift).await.status, 204);
    assert!(route.admit(Tier::Bulk).is_ok());
    while events.until("around").await.data["overrides"] != json!([]) {}
    // The event has the author, too.
    let ended = loop {
        let told = events.until("events").await.data["list"].clone();
        if let Some(ended) = told.as_array().unwrap().iter().find(|event| event["kind"] == "override_ended") {
            break ended.clone();
        }
    };
    assert_eq!(
        (&ended["text"], &ended["details"]["lifted_by"]),
        (&json!("force open lifted by me"), &json!("me"))
    );
    assert_eq!(post(to, "/studio/v1/overrides/lift", &headers, &lift).await.status, 404);
}

#[tokio::test]
async fn what_is_not_fit_is_refused_in_words_and_changes_nothing() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let _ = atrion.route("r");
    let cookie = sign_in(&studio).await;
    let routes = atrion.snapshot().routes.len();
    let unfit: [(Value, &str); 16] = [
        (wish(|wish| wish["reason"] = json!(" ")), "reason"),
        (wish(|wish| wish["reason"] = json!("x".repeat(600))), "reason"),
        (wish(|wish| wish["author"] = json!("")), "who you are"),
        (wish(|wish| wish["author"] = json!("a\nb")), "who you are"),
        (wish(|wish| wish["author"] = json!("ana\u{202e}")), "who you are"),
        (wish(|wish| wish["reason"] = json!("moved \u{2067}]bob[")), "direction"),
        (wish(|wish| wish["seconds"] = json!(0)), "lives"),
        (wish(|wish| wish["seconds"] = json!(u64::MAX)), "lives"),
        (wish(|wish| wish["seconds"] = json!(7 * 86_400 + 1)), "lives"),
        (wish(|wish| wish["seconds"] = json!(-60)), "invalid value"),
        (wish(|wish| drop(wish.as_object_mut().unwrap().remove("seconds"))), "missing field `seconds`"),
        (wish(|wish| drop(wish.as_object_mut().unwrap().remove("reason"))), "missing field `reason`"),
        (wish(|wish| drop(wish.as_object_mut().unwrap().remove("author"))), "missing field `author`"),
        (wish(|wish| wish["forever"] = json!(true)), "unknown field `forever`"),
        (wish(|wish| wish["kind"] = json!("explode")), "explode"),
        (wish(|wish| wish["route"] = json!("mistyped")), "no route"),
    ];
    for (wish, words) in unfit {
        // A pause between two: five changes a second are allowed.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let answer = post(studio.address(), "/studio/v1/overrides", &[("Cookie", &cookie)], &wish).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{words}: {answer:?}");
    }
    assert!(atrion.overrides().list().is_empty());
    assert_eq!(atrion.snapshot().routes.len(), routes, "a mistyped name made a route");
}

#[tokio::test]
async fn another_author_can_undo_it_and_the_latest_author_is_shown() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let route = atrion.route("r");
    let (to, ana, bob) = (studio.address(), sign_in(&studio).await, sign_in(&studio).await);
    let set = async |cookie: &str, author: &str, kind: &str| {
        let wish = wish(|wish| (wish["author"], wish["kind"]) = (json!(author), json!(kind)));
        post(to, "/studio/v1/overrides", &[("Cookie", cookie)], &wish).await.status
    };
    assert_eq!(set(&ana, "ana", "force_open").await, 204);
    // An author in the reason does not replace the real one.
    assert_eq!(set(&bob, "bob", "force_closed").await, 204);
    let mut events = Events::open(to, &ana, None).await;
    let shown = events.until("state").await.data["around"]["overrides"].clone();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["author"]), (1, &json!("bob")));
    let lift = json!({ "route": "r", "author": "ana" });
    assert_eq!(post(to, "/studio/v1/overrides/lift", &[("Cookie", &ana)], &lift).await.status, 204);
    assert!(atrion.overrides().get(&route).is_none());
}

#[tokio::test]
async fn a_lease_is_seen_and_revoked_with_a_reason() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let route = atrion.route("r");
    let lease = route.lease(Tier::Low, LeaseOptions::extreme().owner(AGENT)).unwrap();
    assert!(lease.progress(0.25));
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut events = Events::open(to, &cookie, None).await;
    let mut held = events.until("state").await.data["around"]["leases"].clone();
    // The state may be from before the lease.
    while held["all"] == json!(0) {
        held = events.until("around").await.data["leases"].clone();
    }
    let shown = &held["list"][0];
    assert_eq!((&held["all"], &shown["route"], &shown["owner"]), (&json!(1), &json!("r"), &json!(AGENT)));
    assert_eq!(
        (&shown["tier"], &shown["units"], &shown["progress"]),
        (&json!("low"), &json!(1), &json!(0.25))
    );
    assert!(shown["sinceMs"].is_u64() && shown["beatMs"].as_u64() >= shown["sinceMs"].as_u64());

    let number = lease.id().get();
    let wish = |reason: &str, author: &str, lease: u64| json!({ "lease": lease, "reason": reason, "author": author });
    for (wish, status, words) in [
        (wish(" ", "ana", number), 422, "reason"),
        (wish("a test", "", number), 422, "who you are"),
        (wish("turned \u{2067}", "ana", number), 422, "direction"),
        (wish("a test", "ana", number + 1), 404, "no such lease"),
    ] {
        // A pause between two: five changes a second are allowed.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let answer = post(to, "/studio/v1/leases/revoke", &[("Cookie", &cookie)], &wish).await;
        assert!(answer.status == status && answer.body.contains(words), "{words}: {answer:?}");
    }
    assert!(!lease.token().is_cancelled());
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let done =
        post(to, "/studio/v1/leases/revoke", &[("Cookie", &cookie)], &wish("a test", "ana", number)).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert_eq!(lease.token().end(), Some(LeaseEnd::Revoked("a test [ana]".into())));
    while events.until("around").await.data["leases"]["list"] != json!([]) {}
}
