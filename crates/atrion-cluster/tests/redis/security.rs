// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! TLS with certificates that only the fleet trusts.

use atrion_state::{Health, StateProvider};
use atrion_testbed::Redis;

use super::authority::Authority;
use super::support::{builder, eventually, route, seen, vector};

pub async fn a_fleet_speaks_over_tls_and_to_no_other_server() {
    let (mine, other) = (Authority::new(), Authority::new());
    let redis = Redis::builder().password("secret").tls(mine.files.clone()).start().unwrap();
    let url = redis.tls_url().unwrap();
    assert!(url.starts_with("rediss://"), "{url}");
    let node = |name: &str, root: &Authority| builder(name, &url).tls_root(root.pem()).build().unwrap();
    let (one, two, deceived) = (node("one", &mine), node("two", &mine), node("three", &other));
    for provider in [&one, &two, &deceived] {
        provider.connect().await.unwrap();
    }
    one.update_vector(route("a"), vector(30.0)).await.unwrap();
    eventually("two hears one", || seen(&two, "a").0 == 1).await;
    eventually("a node that trusts another authority does not connect", || {
        matches!(deceived.health(), Health::Degraded { reason } if reason.to_lowercase().contains("certificate"))
    })
    .await;
    for shown in
        [format!("{one:?}"), format!("{:?}", builder("four", &url)), format!("{:?}", deceived.health())]
    {
        assert!(!shown.contains("secret"), "{shown}");
    }
}
