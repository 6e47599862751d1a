// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A server that is there and refuses: full, demoted, with another password than yesterday.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_cluster::redis::RedisClusterProvider;
use atrion_cluster::{CredentialError, Credentials};
use atrion_state::{Event, Health, StateProvider};
use atrion_testbed::Redis;
use atrion_testkit::RecordingObserver;

use super::support::{ACL, builder, eventually, route, seen, vector};

fn says(node: &RedisClusterProvider, reason: &str) -> bool {
    matches!(node.health(), Health::Degraded { reason: said } if said.contains(reason))
}

/// How many connections the server has taken so far, this question's own left out.
fn connections(redis: &Redis) -> i64 {
    let stats = redis.command(["INFO", "stats"]).unwrap();
    let text = stats.text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
    line.trim().parse().unwrap()
}

pub async fn a_full_server_stores_nothing_and_carries_the_channel() {
    let redis = Redis::start().unwrap();
    let node = |name| builder(name, &redis.url()).build().unwrap();
    let (one, two) = (node("one"), node("two"));
    let observer = Arc::new(RecordingObserver::new());
    one.attach(observer.clone());
    for node in [&one, &two] {
        node.connect().await.unwrap();
    }
    eventually("both are up", || one.health().is_up() && two.health().is_up()).await;
    one.update_vector(route("a"), vector(30.0)).await.unwrap();
    eventually("two hears one", || seen(&two, "a").0 == 1).await;

    redis.config_set("maxmemory", "1").unwrap();
    eventually("both say so", || says(&one, "memory is full") && says(&two, "memory is full")).await;
    let before = connections(&redis);
    for scar in [60.0, 90.0] {
        one.update_vector(route("a"), vector(scar)).await.unwrap();
        eventually("two hears one all the same", || seen(&two, "a").1 > scar - 5.0).await;
    }
    assert!(one.stats()[0].lag > Some(Duration::ZERO), "{:?}", one.stats());
    assert_eq!(connections(&redis), before + 1, "no connection was given up");
    // A node that comes now hears and is heard, too.
    let three = node("three");
    three.connect().await.unwrap();
    three.update_vector(route("b"), vector(40.0)).await.unwrap();
    eventually("three is heard", || seen(&one, "b").0 == 1 && seen(&two, "b").0 == 1).await;

    redis.config_set("maxmemory", "0").unwrap();
    eventually("all are up", || [&one, &two, &three].iter().all(|node| node.health().is_up())).await;
    eventually("all is stored", || one.stats()[0].lag < Some(Duration::from_secs(2))).await;
    let told = |wanted: fn(&Event) -> bool| observer.events().iter().filter(|event| wanted(event)).count();
    let degraded = told(|event| matches!(event, Event::ProviderDegraded { .. }));
    let recovered = told(|event| matches!(event, Event::ProviderRecovered { .. }));
    assert_eq!((degraded, recovered), (1, 1), "{:?}", observer.events());
    for node in [&one, &two, &three] {
        node.disconnect().await.unwrap();
    }
    let again = node("one");
    again.connect().await.unwrap();
    let known = || again.warm_start();
    let scars: Vec<_> = known().await.unwrap().iter().map(|(_, vector)| vector.scar_tissue.get()).collect();
    assert_eq!(scars, [90.0], "the last word was stored");
}

pub async fn a_server_that_cannot_save_stores_nothing_and_carries_the_channel() {
    let redis = Redis::start().unwrap();
    let node = |name| builder(name, &redis.url()).build().unwrap();
    let (one, two) = (node("one"), node("two"));
    for node in [&one, &two] {
        node.connect().await.unwrap();
    }
    eventually("both are up", || one.health().is_up() && two.health().is_up()).await;

    // Its file cannot be written, because a folder stands in its place.
    let file = redis.socket().with_file_name("dump.rdb");
    std::fs::create_dir(&file).unwrap();
    redis.config_set("save", "3600 1").unwrap();
    redis.command(["BGSAVE"]).unwrap();
    eventually("both say so", || says(&one, "cannot save its data") && says(&two, "cannot save its data"))
        .await;
    let before = connections(&redis);
    for scar in [60.0, 90.0] {
        one.update_vector(route("a"), vector(scar)).await.unwrap();
        eventually("two hears one all the same", || seen(&two, "a").1 > scar - 5.0).await;
    }
    assert_eq!(connections(&redis), before + 1, "no connection was given up");

    std::fs::remove_dir(&file).unwrap();
    // It is refused while the server tries by itself, as it does every five seconds.
    eventually("the server saves again", || redis.command(["BGSAVE"]).is_ok()).await;
    eventually("both are up", || one.health().is_up() && two.health().is_up()).await;
    eventually("all is stored", || one.stats()[0].lag < Some(Duration::from_secs(2))).await;
    for node in [&one, &two] {
        node.disconnect().await.unwrap();
    }
}

pub async fn a_demoted_server_is_called_a_replica() {
    let redis = Redis::start().unwrap();
    let one = builder("one", &redis.url()).longest_wait(Duration::from_millis(200)).build().unwrap();
    one.connect().await.unwrap();
    eventually("it is up", || one.health().is_up()).await;
    // There is no node to follow.
    redis.command(["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    eventually("it says what the server is", || {
        says(&one, "the server is a replica: a failover is under way")
    })
    .await;
    let Health::Degraded { reason } = one.health() else { panic!("{:?}", one.health()) };
    assert!(!reason.contains("Transaction aborted"), "{reason}");
    redis.command(["REPLICAOF", "NO", "ONE"]).unwrap();
    eventually("it is up", || one.health().is_up()).await;
    one.disconnect().await.unwrap();
}

pub async fn a_password_that_is_changed_is_asked_for_again() {
    let redis = Redis::start().unwrap();
    redis.command(ACL.split_whitespace()).unwrap();
    // What an agent keeps in a file, or a cloud's library in a token.
    let secret = Arc::new(Mutex::new(Ok("pw")));
    let source = Arc::clone(&secret);
    let one = builder("one", &redis.tcp_url()).password("of yesterday").credentials(move || {
        let given = *source.lock().unwrap();
        async move {
            let password = given.map_err(|why: &str| CredentialError::from(why))?;
            Ok(Credentials::password(password).with_user("atrion"))
        }
    });
    let shown = format!("{one:?}");
    assert!(shown.contains("a source of credentials") && !shown.contains("yesterday"), "{shown}");
    let one = one.longest_wait(Duration::from_millis(200)).build().unwrap();
    one.connect().await.unwrap();
    eventually("it is up", || one.health().is_up()).await;

    redis.command(["ACL", "SETUSER", "atrion", "resetpass", ">hunter2"]).unwrap();
    redis.command(["CLIENT", "KILL", "USER", "atrion"]).unwrap();
    eventually("the old password is refused", || says(&one, "name or password refused")).await;
    *secret.lock().unwrap() = Err("the agent is not there yet");
    eventually("the source is asked, and its reason shown", || says(&one, "the agent is not there yet"))
        .await;
    *secret.lock().unwrap() = Ok("hunter2");
    eventually("it is up with the new one", || one.health().is_up()).await;
    assert!(!format!("{one:?} {:?}", one.stats()).contains("hunter2"));
    one.disconnect().await.unwrap();
}
