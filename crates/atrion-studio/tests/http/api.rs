// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The document of the free API against its answers: every field, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use atrion_core::{Outcome, Tier, Wall};
use atrion_engine::{LeaseOptions, Override, Signal};
use atrion_state::{InMemoryProvider, LeaseRecord, OverrideKind, RouteId, StateProvider as _};
use atrion_tower::api::Api;
use serde_json::Value;

use crate::client::{PATIENCE, get, over, sign_in};
use crate::fleet::service;
use crate::outage::fail;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../atrion/manual/studio.md");

type Fields = BTreeSet<String>;

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The table of objects and their fields.
fn documented(document: &str) -> BTreeMap<String, Fields> {
    let (_, rest) = document.split_once("| object |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').splitn(2, '|');
        (cells.next().unwrap().trim().to_owned(), quoted(cells.next().unwrap()).collect())
    })
    .collect()
}

fn fields(value: &Value) -> Fields {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect()
}

#[tokio::test]
async fn the_document_has_every_field_that_is_served_and_no_other() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let documented = documented(&document);
    // An earlier life has died with a job.
    let (store, millis) = (InMemoryProvider::new(), Wall::from_millis(1_700_000_000_000));
    let (route, owner) = (RouteId::new("r").unwrap(), "job 6".into());
    let died =
        LeaseRecord { route, lease: 3, owner, since: millis, beat: millis, progress: Some(0.5), lost: None };
    store.keep_leases(&[died]).await.unwrap();
    let (atrion, studio) = over(store, |builder| builder).await;
    let cookie = sign_in(&studio).await;
    let ask = async |path: &str| {
        let answer = get(studio.address(), &format!("/api{path}"), &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    // The first question switches the sampling of refusals on.
    ask("/v1/refusals").await;
    let route = atrion.route("r");
    route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
    let _lease = route.lease(Tier::Low, LeaseOptions::heavy().owner("job 7")).unwrap();
    let wanted = Override {
        kind: OverrideKind::ForceOpen,
        reason: "a test".to_owned(),
        time_to_live: Duration::from_secs(60),
    };
    atrion.overrides().set(&route, wanted).unwrap();
    atrion.signal("db pool", Signal::target(0.8)).unwrap().set(0.5);
    assert!(route.admit(Tier::Critical).is_err());
    let begin = Instant::now();
    let events = loop {
        let events = ask("/v1/events").await;
        if events["events"].as_array().is_some_and(|events| !events.is_empty()) {
            break events;
        }
        assert!(begin.elapsed() < PATIENCE, "no event: {events}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    while ask("/v1/state").await["lost_leases"].as_array().is_none_or(Vec::is_empty) {
        assert!(begin.elapsed() < PATIENCE, "no lost lease");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (index, state, refusals) = (ask("/v1").await, ask("/v1/state").await, ask("/v1/refusals").await);
    let shown = ask("/v1/route?name=r").await;
    fail(&atrion, "sick").await;
    let outage = loop {
        let sick = ask("/v1/route?name=sick").await;
        if !sick["outage"].is_null() {
            break sick["outage"].clone();
        }
        assert!(begin.elapsed() < PATIENCE, "no outage: {sick}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(outage["failures_in_a_row"].as_u64() > Some(1), "{outage}");
    // What a node of a fleet shares, it serves in the same form.
    let node = service().await.unwrap();
    let fleet = loop {
        node.route("stock.reserve").admit(Tier::Normal).unwrap().finish(Outcome::Success);
        let state = serde_json::to_value(Api::new(&node).state()).unwrap();
        let mut routes = state["routes"].as_array().unwrap().iter();
        if let Some(route) = routes.find(|route| !route["fleet"].is_null()) {
            break route["fleet"].clone();
        }
        assert!(begin.elapsed() < PATIENCE, "nothing is shared: {state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(state["routes"].as_array().unwrap().iter().any(|route| fields(route) == fields(&shown)));

    let served: BTreeMap<String, Fields> = [
        ("index", &index),
        ("band", &index["tiers"][0]),
        ("state", &state),
        ("store", &state["stores"][0]),
        ("signal", &state["signals"][0]),
        ("route", &shown),
        ("terms", &shown["terms_ohm"]),
        ("tier", &shown["tiers"][0]),
        ("outcomes", &shown["outcomes"]),
        ("outage", &outage),
        ("fleet", &fleet),
        ("lease", &shown["leases"][0]),
        ("lost lease", &state["lost_leases"][0]),
        ("override", &shown["override"]),
        ("events", &events),
        ("event", &events["events"][0]),
        ("refusals", &refusals),
        ("refusal", &refusals["refusals"][0]),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), fields(value)))
    .collect();
    assert_eq!(documented, served);
    assert_eq!(fields(&refusals["refusals"][0]["terms_ohm"]), served["terms"]);

    // The values of enumerations are in the document.
    let words: Fields = quoted(&document).collect();
    let said = [&shown["mode"], &events["events"][0]["kind"], &events["events"][0]["severity"]];
    for word in said.into_iter().chain([&refusals["refusals"][0]["reason"]]) {
        assert!(words.contains(word.as_str().unwrap()), "{word} is not in the document");
    }
    for path in index["paths"].as_array().unwrap() {
        let path = path.as_str().unwrap().split('=').next().unwrap();
        assert!(words.iter().any(|word| word.starts_with(path)), "{path} is not in the document");
    }
    assert_eq!((&events["started_ms"], &index["version"]), (&index["started_ms"], &1.into()));
}
