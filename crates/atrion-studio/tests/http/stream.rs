// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The stream: the whole state to a new browser, then changes, and what it missed to one that comes
//! back.

use std::time::Duration;

use serde_json::json;

use crate::client::{Events, get, post, sign_in, world};

#[tokio::test]
async fn a_browser_that_comes_back_goes_on_where_it_broke_off() {
    let (atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut first = Events::open(to, &cookie, None).await;
    let state = first.next().await.unwrap();
    assert_eq!((state.event.as_str(), &state.data["about"]["overrides"]), ("state", &json!(false)));
    let seen = first.until("frame").await;
    drop(first);

    // Meanwhile a route is named.
    let _ = atrion.route("named meanwhile");
    // It misses frames that another browser gets.
    let mut other = Events::open(to, &cookie, None).await;
    while !other.next().await.unwrap().data.to_string().contains("named meanwhile") {}
    for _ in 0..2 {
        other.until("frame").await;
    }
    let mut second = Events::open(to, &cookie, Some(&seen.id)).await;
    loop {
        let message = second.next().await.unwrap();
        assert_ne!(message.event, "state", "it knows the rest already");
        if message.event == "frame" && message.data["new"][0][1] == "named meanwhile" {
            break;
        }
    }
    let mut lost = Events::open(to, &cookie, Some("another-life-7")).await;
    let state = lost.next().await.unwrap();
    assert!(state.event == "state" && state.data["names"].to_string().contains("named meanwhile"));
}

#[tokio::test]
async fn browsers_have_a_limit_and_places_come_free() {
    let config = |builder: atrion_studio::Builder| {
        let config = atrion_studio::StudioConfig { clients: 2, ..atrion_studio::StudioConfig::default() };
        builder.config(atrion_studio::StudioConfig { address: ([127, 0, 0, 1], 0).into(), ..config })
    };
    let (_atrion, studio) = world(config).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let one = Events::open(to, &cookie, None).await;
    let _two = Events::open(to, &cookie, None).await;
    let full = get(to, "/studio/v1/stream", &[("Cookie", &cookie)]).await;
    assert_eq!((full.status, full.header("retry-after")), (503, Some("10")));
    assert_eq!(studio.clients(), 2);
    drop(one);
    while studio.clients() > 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut third = Events::open(to, &cookie, None).await;
    assert_eq!(third.next().await.unwrap().event, "state");
}

#[tokio::test]
async fn signing_out_ends_the_streams_of_that_session_and_no_others() {
    let (_atrion, studio) = world(|builder| builder).await;
    let (to, mine, other) = (studio.address(), sign_in(&studio).await, sign_in(&studio).await);
    let mut stream = Events::open(to, &mine, None).await;
    let mut others = Events::open(to, &other, None).await;
    stream.until("frame").await;
    // Signing out without a session ends nothing.
    let nobody = format!("{}=nobody", mine.split('=').next().unwrap());
    assert_eq!(post(to, "/session/end", &[("Cookie", &nobody)], &json!({})).await.status, 204);
    stream.until("frame").await;
    assert_eq!(post(to, "/session/end", &[("Cookie", &mine)], &json!({})).await.status, 204);
    stream.end().await;
    assert_eq!(get(to, "/studio/v1/stream", &[("Cookie", &mine)]).await.status, 401);
    while studio.clients() > 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..2 {
        others.until("frame").await;
    }
}

/// Hours in a moment: the clock is paused, and the patience for idle connections is longer.
#[tokio::test(start_paused = true)]
async fn a_stream_lasts_as_long_as_its_session() {
    const HALF: Duration = Duration::from_secs(6 * 3_600);
    let (_atrion, studio) = world(|builder| builder.patience(10 * HALF)).await;
    let (to, early) = (studio.address(), sign_in(&studio).await);
    let mut stream = Events::open(to, &early, None).await;
    tokio::time::advance(HALF).await;
    stream.until("frame").await;
    let late = sign_in(&studio).await;
    let mut later = Events::open(to, &late, None).await;
    tokio::time::advance(HALF).await;
    stream.end().await;
    assert_eq!(get(to, "/studio/v1/stream", &[("Cookie", &early)]).await.status, 401);
    for _ in 0..2 {
        later.until("frame").await;
    }
    tokio::time::advance(HALF).await;
    later.end().await;
}

#[tokio::test]
async fn it_ends_with_studio_and_the_port_is_free_again() {
    let (atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut events = Events::open(to, &cookie, None).await;
    events.next().await.unwrap();
    studio.stop();
    events.end().await;
    let again = loop {
        match atrion_studio::Studio::of(&atrion).address(to).start().await {
            Ok(again) => break again,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert_eq!(again.address(), to);
}
