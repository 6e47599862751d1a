// SPDX-License-Identifier: Apache-2.0
//! What a token says of its caller, and what becomes of one that is not believed.

use std::path::Path;

use atrion_gateway::{Config, Gateway, check_files};
use serde_json::{Value, json};

use crate::issuer::{Issuer, claims, set};
use crate::support::{Lines, OK, address, admin, get, least, saying};

fn bearer(issuer: &Issuer, tier: &str) -> String {
    let token = issuer.sign(&json!({"alg": "ES256", "kid": "a"}), &claims("tier", tier));
    format!("authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn a_token_gives_a_tier_and_others_make_a_stranger_who_is_counted() {
    let (upstream, heard) = saying(OK).await;
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, set(&[issuer.jwk("a")])).unwrap();
    let jwt = "[jwt]\nkeys = \"keys.json\"\nissuer = \"https://id\"\naudience = \"shop\"\ntier = \"tier\"\nceiling = \"high\"\n";
    let text = format!("access_log = \"json\"\n{}", least(upstream, jwt));
    let config = || Config::parse(&text, folder.path()).unwrap();
    let log = Lines::default();
    let gateway = Gateway::start_with(config(), log.clone()).await.unwrap();
    let to = address(&gateway).await;

    let own = bearer(&issuer, "critical");
    get(to, "/", &own).await;
    // The service gets what the client has sent.
    assert!(heard.all()[0].contains(own.trim_end()), "{:?}", heard.all());
    for header in ["", &bearer(&other, "critical"), "authorization: Bearer nonsense\r\n"] {
        get(to, "/", header).await;
    }
    let page = get(admin(&gateway), "/metrics", "").await;
    for why in ["signature", "malformed"] {
        let series = format!("atrion_gateway_disbelieved_tokens_total{{reason=\"{why}\"");
        let counted = page.lines().find(|line| line.starts_with(&series));
        assert!(counted.is_some_and(|line| line.ends_with(" 1")), "{why}: {page}");
    }

    // Another key, and its tokens are believed in the place of the old ones.
    std::fs::write(&keys, set(&[other.jwk("a")])).unwrap();
    gateway.reload(config()).await.unwrap();
    get(to, "/", &bearer(&other, "low")).await;
    get(to, "/", &own).await;
    let lines: Vec<Value> =
        log.take(6).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tiers: Vec<_> = lines.iter().map(|line| line["tier"].as_str().unwrap()).collect();
    assert_eq!(tiers, ["high", "normal", "normal", "normal", "low", "normal"]);
    let statuses = lines.iter().map(|line| line["status"].as_u64());
    assert!(statuses.clone().all(|status| status == Some(200)), "{lines:?}");

    // A file without keys is refused, and what was in force stays.
    std::fs::write(&keys, "{}").unwrap();
    assert!(check_files(&config()).unwrap_err().to_string().contains("is no JSON Web Key Set"));
    assert!(gateway.reload(config()).await.is_err());
    get(to, "/", &bearer(&other, "low")).await;
    let line: Value = serde_json::from_str(&log.take(7).await[6]).unwrap();
    assert_eq!(line["tier"], "low");
    assert!(Config::parse(&text, Path::new("/nowhere")).is_ok_and(|config| check_files(&config).is_err()));
}
