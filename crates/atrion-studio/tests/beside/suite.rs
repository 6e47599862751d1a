// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A fleet, seen from beside it.

use atrion_testbed::{Postgres, Redis};
use serde_json::{Value, json};

use super::command::{Beside, command};
use super::fleet::node;
use crate::outage::fail;

fn nodes(state: &Value) -> Vec<&str> {
    let nodes = state["around"]["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    nodes.iter().filter_map(|node| node["name"].as_str()).collect()
}

/// The mode and the scar of a route, as its worst node sees it.
fn route(state: &Value, name: &str) -> Option<(u64, f64)> {
    let number: u64 = state["names"].as_object()?.iter().find(|(_, of)| *of == name)?.0.parse().ok()?;
    let row = state["rows"].as_array()?.iter().find(|row| row[0] == number)?;
    let column =
        |name: &str| Some(1 + state["columns"].as_array()?.iter().position(|column| column == name)?);
    Some((row[column("mode")?].as_u64()?, row[column("scar")?].as_f64()?))
}

fn events(state: &Value) -> Vec<&str> {
    events_of(&state["about"])
}

fn events_of(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter_map(|event| event["text"].as_str()).collect()
}

fn trouble(state: &Value) -> Value {
    state["around"]["stores"][0]["trouble"].clone()
}

/// The number of an open breaker.
const OPEN: u64 = 2;

pub(crate) async fn nodes_their_scars_and_their_history_are_seen() {
    let (redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    let database = postgres.create_database("one").unwrap();
    let one = node("pod-1", &redis.url(), &database).await;
    fail(&one, "before.anybody.watched").await;
    // An orderly end writes everything down; its next life goes on from there.
    one.shutdown().await;
    let one = node("pod-1", &redis.url(), &database).await;

    let beside = Beside::start(&["--redis", &redis.url(), "--postgres", &database]);
    let two = node("pod-2", &redis.url(), &database).await;
    fail(&two, "payments.charge").await;

    let state = beside
        .until("both nodes and what they suffer from", |state| {
            nodes(state) == ["pod-1", "pod-2"]
                && route(state, "payments.charge").is_some_and(|(mode, scar)| mode == OPEN && scar > 0.0)
        })
        .await;
    assert_eq!(trouble(&state), Value::Null);
    assert_eq!(route(&state, "before.anybody.watched").map(|(mode, _)| mode), Some(OPEN));
    let state = beside
        .until("what happens, as it is heard", |state| {
            events(state).iter().any(|text| text.starts_with("pod-2: ") && text.contains("breaker open"))
        })
        .await;
    assert_eq!(state["about"]["history"], "postgres");
    let past = beside
        .until_past("what was before anybody watched", |past| {
            events_of(past)
                .iter()
                .any(|text| text.starts_with("pod-1: ") && text.contains("→ breaker open at"))
        })
        .await;
    assert_eq!(past["next"], Value::Null, "{past:#}");

    // It has said nothing: no node hears of it, and it has no scar.
    assert!(!nodes(&state).iter().any(|name| name.starts_with("studio")), "{state:#}");
    two.shutdown().await;
    let (ended_well, said) = beside.terminate();
    assert!(ended_well, "{said}");
    let left = redis.command(["SMEMBERS", "atrion:{shop}:m"]).map(|reply| format!("{reply:?}"));
    assert!(!left.as_ref().unwrap().contains("studio"), "{left:?}");
    one.shutdown().await;
}

pub(crate) async fn a_redis_that_dies_and_returns_is_told() {
    let (mut redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    let database = postgres.create_database("one").unwrap();
    let one = node("pod-1", &redis.url(), &database).await;
    fail(&one, "payments.charge").await;
    let beside = Beside::start(&["--redis", &redis.url()]);
    let sees = |state: &Value| nodes(state) == ["pod-1"] && trouble(state).is_null();
    beside.until("the node", sees).await;
    redis.kill();
    beside.until("that the store is gone", |state| trouble(state).is_string()).await;
    redis.restart().unwrap();
    beside.until("the store, and the node again", sees).await;
    one.shutdown().await;
}

pub(crate) async fn it_starts_while_nothing_can_be_reached() {
    let (mut redis, mut postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    let database = postgres.create_database("one").unwrap();
    let one = node("pod-1", &redis.url(), &database).await;
    fail(&one, "payments.charge").await;
    one.shutdown().await;
    redis.kill();
    postgres.kill();
    let beside = Beside::start(&["--redis", &redis.url(), "--postgres", &database]);
    beside.until("that there is no store", |state| trouble(state).is_string()).await;
    beside
        .until_past("that there is no history", |past| {
            past["detail"].as_str().is_some_and(|words| {
                words.contains("history in postgres") && words.contains("live events go on")
            })
        })
        .await;
    postgres.restart().unwrap();
    redis.restart().unwrap();
    beside.until("the store, once it is there", |state| trouble(state).is_null()).await;
    beside.until_past("the history, once it is there", |past| !events_of(past).is_empty()).await;
}

pub(crate) async fn its_errors_hold_no_secret() {
    let said = |arguments: &[&str]| {
        // A person asked for none, whatever the environment says to programs.
        let output = command(arguments).env("RUST_BACKTRACE", "1").output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("s3cret"), "{said}");
        assert!(said.starts_with("error: ") && !said.contains("backtrace"), "{said}");
        said
    };
    let missing = said(&[]);
    assert!(missing.contains("--redis"), "{missing}");
    let scheme = said(&["--redis", "http://me:s3cret@127.0.0.1:1"]);
    assert!(scheme.contains("redis://"), "{scheme}");
    let history = said(&["--redis", "redis://127.0.0.1:1", "--postgres", "mysql://me:s3cret@127.0.0.1/x"]);
    assert!(history.contains("--postgres"), "{history}");
    let open = said(&["--redis", "redis://127.0.0.1:1", "--address", "0.0.0.0:0"]);
    assert!(open.contains("token"), "{open}");

    let unlicensed = command(&["--redis", "redis://127.0.0.1:1"])
        .env("ATRION_LICENSE_KEY", "ATRION-s3cret")
        .output()
        .unwrap();
    assert!(!unlicensed.status.success());
    let words = String::from_utf8(unlicensed.stderr).unwrap();
    assert!(words.contains("ATRION_LICENSE_KEY") && !words.contains("s3cret"), "{words}");
    assert_eq!(json!(unlicensed.stdout), json!([]));
}
