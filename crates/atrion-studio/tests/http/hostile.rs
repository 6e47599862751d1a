// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Hostile requests: guesses, foreign cookies, trickles, paths, lengths.

use std::time::{Duration, Instant};

use atrion_core::{Outcome, Tier};
use atrion_studio::{StudioConfig, Token};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{PATIENCE, get, post, send, sign_in, token, world};

fn wish() -> Value {
    json!({ "route": "r", "kind": "force_open", "reason": "a test", "author": "me", "seconds": 60 })
}

#[tokio::test]
async fn guesses_keep_nobody_out() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let _ = atrion.route("r");
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let mut refused = 0;
    while refused < 5 {
        let guess = Token::generate().unwrap().reveal();
        refused += usize::from(post(to, "/session", &[], &json!({ "token": guess })).await.status == 429);
    }
    for _ in 0..5 {
        assert_eq!(post(to, "/session/end", &[], &json!({})).await.status, 204);
    }
    let set = post(to, "/studio/v1/overrides", &[("Cookie", &cookie)], &wish()).await;
    assert_eq!(set.status, 204, "in the middle of it, a change by who signed in: {set:?}");
    let late = post(to, "/session", &[], &json!({ "token": token(&studio) })).await;
    assert_eq!(late.status, 204, "and signing in with the right token: {late:?}");
}

#[tokio::test]
async fn a_cookie_that_another_port_has_set_does_not_stand_before_ours() {
    let (_atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let name = cookie.split('=').next().unwrap();
    let other = Token::generate().unwrap().reveal();
    for foreign in [format!("{name}=x"), format!("{name}={other}"), format!("{name}="), name.to_owned()] {
        for both in [format!("{foreign}; {cookie}"), format!("{cookie}; {foreign}")] {
            assert_eq!(get(to, "/api/v1/state", &[("Cookie", &both)]).await.status, 200, "{both}");
        }
        assert_eq!(get(to, "/api/v1/state", &[("Cookie", &foreign)]).await.status, 401, "{foreign}");
    }
    // As many cookies as fit: the work for them is bounded.
    let many = format!("{name}={other}; ").repeat(300) + &cookie;
    assert_eq!(get(to, "/api/v1/state", &[("Cookie", &many)]).await.status, 401);
    assert_eq!(
        post(to, "/session/end", &[("Cookie", &format!("{name}=x; {cookie}"))], &json!({})).await.status,
        204
    );
    assert_eq!(get(to, "/api/v1/state", &[("Cookie", &cookie)]).await.status, 401, "signed out");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_for_tls_alone() {
    let config = StudioConfig {
        address: ([127, 0, 0, 1], 0).into(),
        hosts: vec!["studio.internal".to_owned()],
        ..StudioConfig::default()
    };
    let (_atrion, studio) = world(|builder| builder.config(config)).await;
    let wanted = json!({ "token": token(&studio) });
    for (origin, secure) in [("https://studio.internal", true), ("http://studio.internal", false)] {
        let headers = [("Host", "studio.internal"), ("Origin", origin)];
        let answer = post(studio.address(), "/session", &headers, &wanted).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap();
        assert_eq!(cookie.contains("; Secure"), secure, "{origin}: {cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_byte_by_byte_does_not_keep_its_place() {
    let config = StudioConfig { clients: 1, address: ([127, 0, 0, 1], 0).into(), ..StudioConfig::default() };
    let (_atrion, studio) = world(|builder| builder.config(config).patience(Duration::from_secs(2))).await;
    let to = studio.address();
    // All places, each held by a head or a body that never ends and never pauses.
    let trickles: Vec<_> = (0..18)
        .map(|nth| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(to).await.unwrap();
                let head = match nth % 2 {
                    0 => "GET / HTTP/1.1\r\nX: ".to_owned(),
                    _ => format!(
                        "POST /session HTTP/1.1\r\nHost: {to}\r\nOrigin: http://{to}\r\nContent-Type: application/json\r\n\
                         Content-Length: 9000\r\n\r\n"
                    ),
                };
                stream.write_all(head.as_bytes()).await.unwrap();
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // A new request waits in line and is served: the client's time limit is the test.
    assert_eq!(get(to, "/", &[]).await.status, 200);
    for trickle in trickles {
        tokio::time::timeout(PATIENCE, trickle).await.expect("it was cut off").unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_is_kept_is_served_again_after_a_rest() {
    let (_atrion, studio) = world(|builder| builder.patience(Duration::from_secs(2))).await;
    let to = studio.address();
    let mut stream = TcpStream::connect(to).await.unwrap();
    for _ in 0..4 {
        stream
            .write_all(format!("GET /assets/icon.svg HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"</svg>\n") {
            let mut some = [0; 4_096];
            let read = tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.unwrap().unwrap();
            assert!(read > 0, "it was closed");
            answer.extend_from_slice(&some[..read]);
        }
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let (_atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    for path in [
        "/assets/../Cargo.toml",
        "/assets/../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/..%5c..%5cCargo.toml",
        "/assets/..\\..\\Cargo.toml",
        "/assets//etc/passwd",
        "/assets/app.js%00.svg",
        "/assets/views/../../src/lib.rs",
        "/assets/%252e%252e/lib.rs",
        "//etc/passwd",
        "/api/../studio/v1/../../etc/passwd",
        "/api/v1/../../../etc/passwd",
        "/studio/v1/history?route=../../etc/passwd",
        "/studio/v1/past?seconds=3600&route=../../etc/passwd",
    ] {
        let answer = get(to, path, &[("Cookie", &cookie)]).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.body.contains("[package]") && !answer.body.contains("root:"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_the_rest_goes_on() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let long = "x".repeat(100_000);
    let huge = "x".repeat(3_000_000);
    for (path, headers) in [
        (format!("/studio/v1/history?route={long}"), vec![("Cookie", cookie.as_str())]),
        (format!("/{long}"), vec![]),
        (format!("/studio/v1/past?seconds=60&after={long}"), vec![("Cookie", cookie.as_str())]),
        ("/api/v1/state".to_owned(), vec![("Cookie", huge.as_str())]),
        ("/".to_owned(), vec![("X", huge.as_str())]),
        ("/".to_owned(), vec![("X", "y"); 300]),
    ] {
        let status = get(to, &path, &headers).await.status;
        // 0: cut off without an answer.
        assert!(status == 0 || (400..500).contains(&status), "{} {status}", &path[..path.len().min(40)]);
    }
    let mut body = wish();
    body["route"] = json!(long);
    assert_eq!(post(to, "/studio/v1/overrides", &[("Cookie", &cookie)], &body).await.status, 413);
    assert_eq!(post(to, "/session", &[], &json!({ "token": long })).await.status, 413);
    // A wrong length, and one that is no number.
    let head = [("Origin", format!("http://{to}")), ("Content-Type", "application/json".to_owned())];
    let head: Vec<_> = head.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for length in ["99999999999999999999", "-1", "1, 2"] {
        let lie = [head.as_slice(), &[("Content-Length", length)]].concat();
        assert!((400..500).contains(&send(to, "POST", "/session", &lie, "{}").await.status), "{length}");
    }
    assert!(atrion.overrides().list().is_empty());
    assert_eq!(get(to, "/api/v1/state", &[("Cookie", &cookie)]).await.status, 200);
}

#[tokio::test]
async fn names_and_user_agents_of_every_kind_are_data() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let names = [
        "🔥".repeat(64),
        "\u{202e}\u{2066}elbathgir\u{2069}\u{2069}".to_owned(),
        "a\u{301}\u{301}\u{301}\u{200b}\u{feff}".to_owned(),
        "__proto__".to_owned(),
        "constructor".to_owned(),
        "%2e%2e%2f?&#=+ ".to_owned(),
        "x".repeat(256),
    ];
    let begin = Instant::now();
    for name in &names {
        let route = atrion.route(name);
        route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("/api/v1/route?name={encoded}");
        let answer = get(to, &path, &[("Cookie", &cookie)]).await;
        assert_eq!((answer.status, &answer.json()["name"]), (200, &json!(name)), "{name:?}");
        let mut body = wish();
        (body["route"], body["seconds"]) = (json!(name), json!(1));
        let agent = format!("\u{202e}<b>{}\t", "🔥".repeat(2_000));
        let headers = [("Cookie", cookie.as_str()), ("User-Agent", agent.as_str())];
        while post(to, "/studio/v1/overrides", &headers, &body).await.status == 429 {
            assert!(begin.elapsed() < PATIENCE, "no place for a change");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let mut events = crate::client::Events::open(to, &cookie, None).await;
    let state = events.until("state").await.data;
    let known: Vec<_> = state["names"].as_object().unwrap().values().collect();
    assert!(names.iter().all(|name| known.contains(&&json!(name)) || begin.elapsed() < PATIENCE));
    // A name that is too long finds no route at any path.
    for query in ["%ff%fe", "%00", "", &"y".repeat(300)] {
        let answer = get(to, &format!("/studio/v1/history?route={query}"), &[("Cookie", &cookie)]).await;
        assert!([400, 404].contains(&answer.status), "{query}: {answer:?}");
    }
}
