// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Curves, export and names of every kind.

use std::time::Duration;

use atrion_core::{Outcome, Tier};
use serde_json::Value;

use crate::client::{Events, get, sign_in, world};

const HOSTILE: &str = "GET /<script>alert(1)</script>\"'&{id}\u{202e}\u{2028}%00{{7*7}}";

#[tokio::test]
async fn a_hostile_name_is_a_name_and_has_its_curves() {
    let (atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut events = Events::open(to, &cookie, None).await;
    let route = atrion.route(HOSTILE);
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let history = loop {
        route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
        let frame = events.until("frame").await;
        assert!(!frame.data.to_string().contains('\n'));
        let answer = get(to, &format!("/studio/v1/history?route={encoded}"), &[("Cookie", &cookie)]).await;
        if answer.status == 200 && answer.json()["rows"].as_array().unwrap().len() > 1 {
            break answer;
        }
    };
    assert_eq!(history.header("content-type"), Some("application/json"));
    assert_eq!(history.json()["columns"][0], "mode");
    for path in ["/studio/v1/history?route=other", "/studio/v1/history?route="] {
        assert_eq!(get(to, path, &[("Cookie", &cookie)]).await.status, 404, "{path}");
    }
    assert_eq!(get(to, "/studio/v1/history", &[("Cookie", &cookie)]).await.status, 400);
}

#[tokio::test]
async fn events_are_exported_one_a_line() {
    let (atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    for _ in 0..3 {
        atrion.replace_config(atrion_engine::Config::default()).unwrap();
    }
    let answer = loop {
        let answer = get(to, "/studio/v1/events.ndjson", &[("Cookie", &cookie)]).await;
        if answer.body.lines().count() == 3 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(answer.header("content-disposition").unwrap().contains("atrion-events.ndjson"));
    for line in answer.body.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["kind"], "config_replaced");
    }
}
