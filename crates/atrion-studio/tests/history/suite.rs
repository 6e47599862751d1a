// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The history on the page.

use std::time::{Duration, Instant};

use atrion_cluster::postgres::{HistoryReader, PostgresPersistenceAdapter};
use atrion_core::{Outcome, Tier};
use atrion_engine::Atrion;
use atrion_license::development;
use atrion_studio::{Running, Studio};
use atrion_testbed::{Browser, Page, Postgres};
use serde_json::{Value, json};

use crate::client::{PATIENCE, get, sign_in};
use crate::outage::fail;
use crate::world::{SOON, go, open};

/// A node of the cluster `shop` that keeps its state in this database, and the reader of its
/// history.
async fn node(name: &str, database: &str) -> (Atrion, HistoryReader) {
    let license = development::key(atrion_license::Tier::Pro).unwrap();
    let adapter = PostgresPersistenceAdapter::builder().url(database).cluster("shop").node(name);
    let adapter = adapter.write_behind(Duration::from_secs(1)).license(license).build().unwrap();
    let history = adapter.history().unwrap();
    (Atrion::builder().provider(adapter).connect().await.unwrap(), history)
}

async fn studio(atrion: &Atrion, history: HistoryReader) -> Running {
    let studio =
        Studio::of(atrion).history(history).license(development::key(atrion_license::Tier::Pro).unwrap());
    studio.address(([127, 0, 0, 1], 0).into()).start().await.unwrap()
}

async fn says(page: &Page, selector: &str, words: &str) {
    let (selector, words) = (json!(selector), json!(words));
    let condition = format!(
        "[...document.querySelectorAll({selector})].some((e) => e.checkVisibility() && e.textContent.includes({words}))"
    );
    page.wait(&condition, SOON).await.unwrap();
}

/// Writes changes of another node, one a second; the latest was a minute ago.
fn write_many(postgres: &Postgres, count: u32) {
    let insert = format!(
        "insert into atrion.mode_transition(at, cluster, route, node, incarnation, seq, from_mode, to_mode, scar, merged, resistance) \
         select clock_timestamp() - interval '1 minute' - n * interval '1 second', 'shop', 'GET /other', 'pod-9', 1, n, 1, 2, 90, null, 100 \
         from generate_series(1, {count}) n"
    );
    postgres.execute("one", &insert).unwrap();
}

async fn past(studio: &Running, cookie: &str, query: &str) -> (u16, Value) {
    let answer = get(studio.address(), &format!("/studio/v1/past?{query}"), &[("Cookie", cookie)]).await;
    (answer.status, answer.json())
}

pub(crate) async fn what_was_before_a_restart_is_shown_page_by_page() {
    let postgres = Postgres::start().unwrap();
    let database = postgres.create_database("one").unwrap();
    let (first, _) = node("pod-1", &database).await;
    fail(&first, "payments.charge").await;
    // An orderly end writes everything down.
    first.shutdown().await;
    write_many(&postgres, 450);

    let (atrion, history) = node("pod-1", &database).await;
    let studio = studio(&atrion, history).await;
    let cookie = sign_in(&studio).await;

    // Page by page, without a gap or a row twice.
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let (status, page) = past(&studio, &cookie, &format!("seconds=86400&route=GET%20/other{next}")).await;
        assert_eq!(status, 200, "{page}");
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 200);
        seen.extend(events.iter().map(|event| event["at_ms"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(place) => next = format!("&after={}", place.replace(':', "%3A")),
            None => break,
        }
    }
    assert!(seen.len() == 450 && seen.is_sorted_by(|later, earlier| later > earlier), "{}", seen.len());
    // Nonsense gives a sentence, and a hostile name finds nothing.
    for (query, words) in [
        ("seconds=86400&after=x", "cursor"),
        ("seconds=1", "`seconds`"),
        ("seconds=99999999999", "`seconds`"),
    ] {
        let (status, answer) = past(&studio, &cookie, query).await;
        assert!(status == 422 && answer["detail"].as_str().unwrap().contains(words), "{query}: {answer}");
    }
    let (status, none) =
        past(&studio, &cookie, "seconds=86400&route=%27%3B%20drop%20schema%20atrion%3B--").await;
    assert_eq!((status, &none["events"]), (200, &json!([])));
    let lines = get(studio.address(), "/studio/v1/past.ndjson?seconds=86400", &[("Cookie", &cookie)]).await;
    assert!(lines.header("content-disposition").unwrap().contains("atrion-history.ndjson"));
    assert!(lines.body.lines().count() > 450, "{}", lines.body.lines().count());
    assert_eq!(get(studio.address(), "/studio/v1/past?seconds=86400", &[]).await.status, 401);

    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    go(&page, "events").await.unwrap();
    page.click(".choice [data-name=history]").await.unwrap();
    says(&page, ".count", "200 changes of modes on all nodes, in postgres, back to ").await;
    says(&page, "table.events td", "pod-9: operational → breaker open at 100.0 Ω").await;
    let rows =
        "[...document.querySelectorAll('table.events')].find((t) => t.checkVisibility()).tBodies[0].rows";
    for shown in [400, 450] {
        page.eval("[...document.querySelectorAll('button')].find((e) => e.textContent === 'Older').click()")
            .await
            .unwrap();
        page.wait(&format!("{rows}.length >= {shown}"), SOON).await.unwrap();
    }
    // The changes of its own earlier life are there, and not among the live events.
    says(&page, "table.events td", "pod-1: ").await;
    page.eval("document.querySelector('input[list]').focus()").await.unwrap();
    page.write("payments.charge").await.unwrap();
    page.press("Enter").await.unwrap();
    page.wait(&format!("{rows}.length < 20 && {rows}.length > 0"), SOON).await.unwrap();
    says(&page, "table.events td", "pod-1: operational → breaker open").await;
    page.resize(320, 720).await.unwrap();
    let wide = page.eval("document.documentElement.scrollWidth").await.unwrap();
    assert!(wide.as_u64().unwrap() <= 320, "{wide}");
    assert_eq!(page.complaints(), Vec::<String>::new());
    if let Some(folder) = std::env::var_os("ATRION_STUDIO_PICTURES") {
        for (width, height, name) in [(1_440, 900, "history"), (360, 1_000, "history-narrow")] {
            page.resize(width, height).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let file = std::path::Path::new(&folder).join(format!("{name}.png"));
            std::fs::write(file, page.picture().await.unwrap()).unwrap();
        }
    }
    atrion.shutdown().await;
}

pub(crate) async fn a_database_that_dies_is_a_sentence_and_live_events_go_on() {
    let mut postgres = Postgres::start().unwrap();
    let database = postgres.create_database("one").unwrap();
    let (atrion, history) = node("pod-1", &database).await;
    let studio = studio(&atrion, history).await;
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    go(&page, "events/history").await.unwrap();
    says(&page, ".empty", "No route changed its mode in the latest 24 hours").await;
    postgres.kill();
    page.eval("document.querySelector('.tools form').requestSubmit()").await.unwrap();
    says(&page, ".notice", "The history in postgres cannot be read: ").await;
    says(&page, ".notice", "refused").await;
    says(&page, ".notice", "live events go on").await;
    let secret = page.eval("document.body.textContent.includes('postgres://')").await.unwrap();
    assert_eq!(secret, false);
    // They do.
    page.click(".choice [data-name=live]").await.unwrap();
    atrion.replace_config(atrion_engine::Config::default()).unwrap();
    says(&page, "table.events td", "is in force").await;
    assert_eq!(page.eval("document.getElementById('link').dataset.state").await.unwrap(), "live");
    postgres.restart().unwrap();
    fail(&atrion, "payments.charge").await;
    page.click(".choice [data-name=history]").await.unwrap();
    let again = "[...document.querySelectorAll('button')].find((e) => e.textContent === 'Try again' && e.checkVisibility())?.click(), \
                 [...document.querySelectorAll('table.events td')].some((e) => e.checkVisibility() && e.textContent.includes('pod-1: operational → breaker open'))";
    let deadline = Instant::now() + PATIENCE;
    while page.eval(again).await.unwrap() != true {
        assert!(
            Instant::now() < deadline,
            "the history is not read again: {}",
            page.eval("document.body.innerText").await.unwrap()
        );
        page.eval("document.querySelector('.tools form').requestSubmit()").await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    atrion.shutdown().await;
}

pub(crate) async fn a_database_that_is_stuck_holds_nothing_up() {
    let postgres = Postgres::start().unwrap();
    let database = postgres.create_database("one").unwrap();
    let (atrion, history) = node("pod-1", &database).await;
    let route = atrion.route("GET /orders");
    let studio = studio(&atrion, history).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    assert_eq!(past(&studio, &cookie, "seconds=86400").await.0, 200);
    postgres.stop();
    let asked: Vec<_> = (0..6)
        .map(|_| {
            let cookie = cookie.clone();
            tokio::spawn(
                async move { get(to, "/studio/v1/past?seconds=86400", &[("Cookie", &cookie)]).await },
            )
        })
        .collect();
    // Meanwhile everything else answers at once.
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        let before = Instant::now();
        route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
        slowest = slowest.max(before.elapsed());
        assert_eq!(get(to, "/api/v1/state", &[("Cookie", &cookie)]).await.status, 200);
    }
    assert!(slowest < Duration::from_millis(500), "an admission took {slowest:?}");
    for asked in asked {
        let answer = asked.await.unwrap();
        let words = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!([502, 504].contains(&answer.status) && words.contains("live events go on"), "{answer:?}");
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    postgres.cont();
    let deadline = Instant::now() + PATIENCE;
    while past(&studio, &cookie, "seconds=86400").await.0 != 200 {
        assert!(Instant::now() < deadline, "it is not asked again");
    }
    atrion.shutdown().await;
}
