// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Access: the token, sessions, hosts, origins.

use atrion_studio::{Access, StartError, Studio, Token, assets};
use serde_json::json;

use crate::client::{get, post, send, sign_in, token, world};

const DATA: [&str; 4] =
    ["/studio/v1/stream", "/studio/v1/history?route=r", "/studio/v1/events.ndjson", "/api/v1/state"];

#[tokio::test]
async fn it_listens_to_this_machine_and_to_others_only_with_a_token_of_ones_own() {
    let (atrion, studio) = world(|builder| builder).await;
    assert!(studio.address().ip().is_loopback());
    let everywhere = || Studio::of(&atrion).address(([0, 0, 0, 0], 0).into());
    let refused = everywhere().start().await.unwrap_err();
    assert!(
        matches!(&refused, StartError::Config(error) if error.to_string().contains("token of your own")),
        "{refused}"
    );
    let token = Token::generate().unwrap();
    assert!(everywhere().access(Access::Token(token)).start().await.is_ok());
}

#[tokio::test]
async fn without_the_token_there_is_a_page_and_no_data() {
    let (_atrion, studio) = world(|builder| builder).await;
    let to = studio.address();
    assert_eq!(get(to, "/", &[]).await.status, 200);
    for asset in assets::ALL {
        let answer = get(to, asset.path, &[]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(asset.media_type)),
            "{}",
            asset.path
        );
    }
    for path in DATA {
        assert_eq!(get(to, path, &[]).await.status, 401, "{path}");
    }
    let about = get(to, "/studio/v1/about", &[]).await.json();
    assert_eq!((&about["signedIn"], &about["license"]), (&json!(false), &json!(null)));
    for path in ["/assets/../Cargo.toml", "/assets/%2e%2e/lib.rs", "/assets/", "/.env", "/studio/v1/nothing"]
    {
        assert!([404, 401].contains(&get(to, path, &[]).await.status), "{path}");
    }
}

#[tokio::test]
async fn the_token_is_exchanged_for_a_cookie_that_only_the_page_gets() {
    let (_atrion, studio) = world(|builder| builder).await;
    let to = studio.address();
    let text = token(&studio);
    assert_eq!(text.len(), 43, "256 bits");
    let answer = post(to, "/session", &[], &json!({ "token": text })).await;
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(cookie.starts_with(&format!("atrion_studio_{}=", to.port())), "{cookie}");
    assert!(!cookie.contains(&text), "the cookie is not the token");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(get(to, "/api/v1/state", &[("Cookie", cookie)]).await.status, 200);
    assert_eq!(get(to, "/api/v1/state", &[("Cookie", &format!("a=b; {cookie}; c=d"))]).await.status, 200);
    let bearer = format!("Bearer {text}");
    assert_eq!(get(to, "/api/v1/state", &[("Authorization", &bearer)]).await.status, 200);

    // After signing out the cookie is invalid.
    assert_eq!(post(to, "/session/end", &[("Cookie", cookie)], &json!({})).await.status, 204);
    assert_eq!(get(to, "/api/v1/state", &[("Cookie", cookie)]).await.status, 401);
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_guessing_is_slow() {
    let (_atrion, studio) = world(|builder| builder).await;
    let to = studio.address();
    let wrong = [
        Token::generate().unwrap().reveal(),
        String::new(),
        token(&studio)[1..].to_owned(),
        "x".repeat(9_000),
    ];
    for text in wrong {
        let answer = post(to, "/session", &[], &json!({ "token": text })).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{text}");
    }
    let mut refused = 0;
    for _ in 0..40 {
        let guess = Token::generate().unwrap().reveal();
        refused += usize::from(post(to, "/session", &[], &json!({ "token": guess })).await.status == 429);
    }
    assert!(refused > 0, "somebody guessed as fast as the network");
    for cookie in ["", "atrion_studio_1=x", "atrion_studio=x"] {
        assert_eq!(get(to, "/api/v1/state", &[("Cookie", cookie)]).await.status, 401);
    }
    assert_eq!(get(to, "/api/v1/state", &[("Authorization", "Bearer ")]).await.status, 401);
}

#[tokio::test]
async fn a_request_for_another_host_is_misdirected() {
    let (_atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let port = to.port();
    for ours in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
    ] {
        assert_eq!(get(to, "/", &[("Host", &ours)]).await.status, 200, "{ours}");
    }
    let other = port ^ 1;
    let rebound = [
        format!("evil.example:{port}"),
        "evil.example".to_owned(),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{other}"),
        format!("127.0.0.1:{port}.evil.example"),
        format!("localhost:{port}@evil.example"),
        format!("localhost.:{port}"),
        String::new(),
    ];
    for host in rebound {
        for path in ["/", "/assets/app.js", "/api/v1/state", "/studio/v1/about"] {
            let answer = get(to, path, &[("Host", &host), ("Cookie", &cookie)]).await;
            assert_eq!(answer.status, 421, "{host} {path}");
        }
    }
    let twice = get(to, "/", &[("Host", &format!("localhost:{port}")), ("Host", "evil.example")]).await;
    assert!([400, 421].contains(&twice.status), "{twice:?}");
    let absolute = get(to, &format!("http://evil.example:{port}/"), &[]).await;
    assert_eq!(absolute.status, 421);
}

#[tokio::test]
async fn a_name_of_ones_own_can_be_allowed() {
    let config = |name: &str| atrion_studio::StudioConfig {
        address: ([127, 0, 0, 1], 0).into(),
        hosts: vec![name.to_owned()],
        ..atrion_studio::StudioConfig::default()
    };
    let (_atrion, studio) = world(|builder| builder.config(config("studio.internal"))).await;
    let status = async |host: &str| get(studio.address(), "/", &[("Host", host)]).await.status;
    assert_eq!(status("Studio.Internal").await, 200);
    assert_eq!(status("other.internal").await, 421);
}

#[tokio::test]
async fn a_change_has_to_come_from_the_page_itself() {
    let (atrion, studio) = world(|builder| builder.overrides(true)).await;
    let _ = atrion.route("r");
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let wish =
        json!({ "route": "r", "kind": "force_open", "reason": "a test", "author": "me", "seconds": 60 });
    let other = format!("http://127.0.0.1:{}", to.port() ^ 1);
    let foreign: [&[(&str, &str)]; 9] = [
        &[("Origin", "")],
        &[("Origin", "null")],
        &[("Origin", "http://evil.example")],
        &[("Origin", &other)],
        &[("Origin", &format!("http://{to}.evil.example"))],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/x-www-form-urlencoded")],
    ];
    for more in foreign {
        for path in ["/studio/v1/overrides", "/studio/v1/overrides/lift", "/session"] {
            let headers = [more, &[("Cookie", cookie.as_str())]].concat();
            assert_eq!(post(to, path, &headers, &wish).await.status, 403, "{more:?} {path}");
        }
    }
    assert!(atrion.overrides().list().is_empty());
    let own = post(to, "/studio/v1/overrides", &[("Cookie", &cookie)], &wish).await;
    assert_eq!(own.status, 204, "{own:?}");
    // For browsers that do not send it the other conditions hold.
    let old = post(to, "/studio/v1/overrides", &[("Cookie", &cookie), ("Sec-Fetch-Site", "")], &wish).await;
    assert_eq!(old.status, 204, "{old:?}");
}

#[tokio::test]
async fn nothing_of_another_origin_reads_an_answer() {
    let (_atrion, studio) = world(|builder| builder).await;
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    for path in ["/", "/api/v1/state", "/studio/v1/about", "/nothing"] {
        let answer = get(to, path, &[("Cookie", &cookie), ("Origin", "http://evil.example")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        let csp = answer.header("content-security-policy").unwrap();
        assert!(
            csp.starts_with("default-src 'none'") && !csp.contains("unsafe") && !csp.contains('*'),
            "{csp}"
        );
        assert!(
            csp.contains("frame-ancestors 'none'") && csp.contains("require-trusted-types-for 'script'"),
            "{csp}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
    }
    for site in ["cross-site", "same-site"] {
        let script = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "no-cors")];
        assert_eq!(get(to, "/api/v1/state", &script).await.status, 403, "{site}");
        let link = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];
        assert_eq!(get(to, "/", &link).await.status, 200, "{site}");
        let frame = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")];
        assert_eq!(get(to, "/", &frame).await.status, 403, "{site}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let answer = send(to, method, "/api/v1/state", &[("Cookie", &cookie)], "").await;
        assert_eq!(answer.status, 405, "{method}");
    }
}

#[tokio::test]
async fn a_long_body_is_not_read() {
    let (_atrion, studio) = world(|builder| builder.overrides(true)).await;
    let cookie = sign_in(&studio).await;
    let wish = json!({ "route": "r", "reason": "x".repeat(100_000) });
    let answer = post(studio.address(), "/studio/v1/overrides", &[("Cookie", &cookie)], &wish).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn open_access_is_for_this_machine_and_changes_nothing() {
    let (_atrion, studio) = world(|builder| builder.access(Access::Open)).await;
    let to = studio.address();
    assert_eq!(studio.url(), format!("http://{to}/"));
    assert_eq!(get(to, "/api/v1/state", &[]).await.status, 200);
    assert_eq!(get(to, "/api/v1/state", &[("Host", "evil.example")]).await.status, 421);
    assert_eq!(post(to, "/studio/v1/overrides", &[], &json!({})).await.status, 403);
}
