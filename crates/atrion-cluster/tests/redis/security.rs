// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! TLS with certificates that only the fleet trusts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_cluster::Credentials;
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

pub async fn a_client_s_certificate_that_is_renewed_is_asked_for_again() {
    let mine = Authority::new();
    let redis = Redis::builder().tls(mine.files.clone()).setting("tls-auth-clients", "yes").start().unwrap();
    // What an agent keeps in two files.
    let files = Arc::new(Mutex::new(mine.client(1)));
    let source = Arc::clone(&files);
    let one = builder("one", &redis.tls_url().unwrap()).tls_root(mine.pem()).credentials(move || {
        let (certificate, key) = source.lock().unwrap().clone();
        async { Ok(Credentials::default().with_certificate(certificate, key)) }
    });
    let one = one.longest_wait(Duration::from_millis(200)).build().unwrap();
    one.connect().await.unwrap();
    eventually("it is up", || one.health().is_up()).await;

    // The agent is late, and the server lets nobody in with this one.
    *files.lock().unwrap() = mine.expired_client(2);
    for kind in ["normal", "pubsub"] {
        redis.command(["CLIENT", "KILL", "TYPE", kind]).unwrap();
    }
    let says =
        |reason: &str| matches!(one.health(), Health::Degraded { reason: said } if said.contains(reason));
    eventually("the old certificate is refused", || says("ertificate")).await;
    *files.lock().unwrap() = mine.client(3);
    eventually("it is up with the renewed one", || one.health().is_up()).await;
    assert!(!format!("{one:?} {:?}", one.stats()).contains("PRIVATE KEY"));
    one.disconnect().await.unwrap();
}
