// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Without a license the page says what is missing, the API goes on, and nothing else notices.

use atrion_engine::Atrion;
use atrion_license::{Feature, Sources, Tier, Verifier, Watch, development};
use atrion_studio::Studio;
use serde_json::json;

use crate::client::{get, post, sign_in};

async fn with(license: impl Into<Watch>) -> (Atrion, atrion_studio::Running) {
    let atrion = Atrion::builder().connect().await.unwrap();
    let studio = Studio::of(&atrion).address(([127, 0, 0, 1], 0).into()).overrides(true);
    let studio = studio.license(license).start().await.unwrap();
    (atrion, studio)
}

#[tokio::test]
async fn a_missing_license_closes_the_views_and_nothing_else() {
    let none = Sources::from_lookup(|_| None).with_default_file("/nowhere/license.key");
    let (atrion, studio) = with(Watch::new(none, Verifier::embedded())).await;
    let _ = atrion.route("r");
    let (to, cookie) = (studio.address(), sign_in(&studio).await);
    let cookie = [("Cookie", cookie.as_str())];
    for path in ["/studio/v1/stream", "/studio/v1/history?route=r", "/studio/v1/events.ndjson"] {
        let answer = get(to, path, &cookie).await;
        assert!(answer.status == 402 && answer.body.contains("/api/v1"), "{answer:?}");
    }
    assert_eq!(post(to, "/studio/v1/overrides", &cookie, &json!({})).await.status, 402);
    let about = get(to, "/studio/v1/about", &cookie).await.json();
    assert_eq!(
        (&about["license"]["permitted"], &about["license"]["state"]),
        (&json!(false), &json!("unlicensed"))
    );
    assert!(about["license"]["trouble"].as_str().unwrap().contains("ATRION_LICENSE_KEY"), "{about}");
    // The free parts stay open.
    for path in ["/api/v1", "/api/v1/state", "/api/v1/events", "/api/v1/refusals", "/api/v1/route?name=r"] {
        assert_eq!(get(to, path, &cookie).await.status, 200, "{path}");
    }
    assert!(atrion.route("r").admit(atrion_core::Tier::Normal).is_ok());
}

#[tokio::test]
async fn a_license_for_something_else_says_so() {
    let mut terms = development::terms(Tier::Pro);
    terms.features = [Feature::Redis].into();
    let (_atrion, studio) = with(development::signing_key().issue(&terms).unwrap()).await;
    let cookie = sign_in(&studio).await;
    let about = get(studio.address(), "/studio/v1/about", &[("Cookie", &cookie)]).await;
    assert!(about.json()["license"]["trouble"].as_str().unwrap().contains("studio"), "{}", about.body);
    assert!(!about.body.contains("atrion_pro_v1."), "no key is shown");
}
