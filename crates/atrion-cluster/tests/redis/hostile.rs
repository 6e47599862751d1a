// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Others write into the channel and under the keys.

use std::collections::BTreeMap;
use std::io::Write as _;

use atrion_cluster::wire::{ClusterHash, Header, Kind, encode};
use atrion_state::{DecayRate, Health, NodeId, ProviderStats, StateProvider};
use atrion_testbed::Redis;

use super::support::{builder, eventually, provider, route, seen, vector};

fn rejected(stats: &ProviderStats) -> BTreeMap<&'static str, u64> {
    let counted = stats.messages.iter().filter_map(|counted| Some((counted.reason?, counted.count)));
    counted.filter(|(_, count)| *count > 0).collect()
}

pub async fn what_others_write_does_no_harm() {
    let redis = Redis::start().unwrap();
    // Before any node comes: members that cannot be, a record that is a list, one that is rubbish,
    // one without a header.
    let key = |node: &str| format!("atrion:{{default/0}}:n:{node}");
    let write = |words: &[&str]| redis.command(words.iter().copied()).unwrap();
    write(&["SADD", "atrion:{default/0}:m", "list", "rubbish", "headless", "gone", "no/name", ""]);
    write(&["RPUSH", &key("list"), "x"]);
    write(&["HSET", &key("rubbish"), "@", "ATRS and more", "p0", "x"]);
    write(&["HSET", &key("headless"), "p0", "x", "q", "y"]);
    let (one, two) = (provider("one", &redis.url()), provider("two", &redis.url()));
    one.connect().await.unwrap();
    two.connect().await.unwrap();
    one.update_vector(route("a"), vector(30.0)).await.unwrap();
    eventually("two hears one", || seen(&two, "a").0 == 1).await;
    let channel = "atrion:sync:{default/0}";
    let large = "x".repeat(70_000);
    for rubbish in ["", "x", "ATRS", "ATRSATRSATRSATRSATRS", "{\"route\":\"a\",\"scar\":1e9}", &large] {
        write(&["PUBLISH", channel, rubbish]);
    }
    eventually("all of it is counted", || {
        let counts = rejected(&two.stats()[0]);
        counts.get("size").copied() >= Some(4) && counts.contains_key("magic") && counts.contains_key("major")
    })
    .await;
    assert!(rejected(&two.stats()[0]).contains_key("foreign_record"));
    // It goes on as if nothing had been.
    one.update_vector(route("a"), vector(60.0)).await.unwrap();
    eventually("two hears one still", || seen(&two, "a").1 > 55.0).await;
    assert!(one.health().is_up() && two.health().is_up());
    // A member without a record was taken off the list; a record that belongs to others was left
    // alone.
    let members = redis.command(["SMEMBERS", "atrion:{default/0}:m"]).unwrap();
    let members: Vec<_> = members.list().iter().filter_map(|name| name.text().map(str::to_owned)).collect();
    assert!(!members.contains(&"gone".to_owned()) && members.contains(&"list".to_owned()), "{members:?}");
    let kind = redis.command(["TYPE", &key("list")]).unwrap();
    assert_eq!(kind.text(), Some("list"));
    // Under the node's own key it is another matter: nothing works, and the reason says what to do.
    write(&["SET", &key("three"), "mine"]);
    let three = provider("three", &redis.url());
    three.connect().await.unwrap();
    eventually("the reason is there", || {
        matches!(three.health(), Health::Degraded { reason } if reason.contains("give this fleet a namespace of its own"))
    })
    .await;
    let kind = redis.command(["TYPE", &key("three")]).unwrap();
    assert_eq!(kind.text(), Some("string"), "it was left alone");
}

pub async fn a_record_of_a_newer_version_is_left_alone() {
    let redis = Redis::start().unwrap();
    let record = "atrion:{default/0}:n:one";
    // Under its own name, as after an update that was taken back, and under another's.
    let newer = "ATRS\u{2}\0\u{1}\0 a format of the future";
    redis.command(["HSET", record, "@", newer, "p0", newer]).unwrap();
    redis.command(["HSET", "atrion:{default/0}:n:two", "@", newer]).unwrap();
    redis.command(["SADD", "atrion:{default/0}:m", "one", "two"]).unwrap();
    let one =
        builder("one", &redis.url()).longest_wait(std::time::Duration::from_millis(200)).build().unwrap();
    one.connect().await.unwrap();
    eventually(
        "the reason is there",
        || matches!(one.health(), Health::Degraded { reason } if reason.contains("a newer Atrion")),
    )
    .await;
    let kept = redis.command(["HGET", record, "p0"]).unwrap();
    assert_eq!(kept.text(), Some(newer));
    // When it has ended, as records do, everything is as usual.
    redis.command(["DEL", record]).unwrap();
    eventually("it is connected", || one.health().is_up()).await;
    let kept = redis.command(["HGET", "atrion:{default/0}:n:two", "@"]).unwrap();
    assert_eq!(kept.text(), Some(newer));
}

pub async fn a_fleet_with_a_key_takes_only_what_is_signed() {
    let redis = Redis::start().unwrap();
    let keyed = |node: &str, key: u8| builder(node, &redis.url()).hmac_key([key; 32]).build().unwrap();
    let (one, two, liar, naive) =
        (keyed("one", 1), keyed("two", 1), keyed("liar", 2), provider("naive", &redis.url()));
    for provider in [&one, &two, &liar, &naive] {
        provider.connect().await.unwrap();
    }
    for (provider, scar) in [(&one, 20.0), (&liar, 1e6), (&naive, 1e6)] {
        provider.update_vector(route("a"), vector(scar)).await.unwrap();
    }
    eventually("two hears one", || seen(&two, "a").0 == 1).await;
    eventually("the others were heard and dropped", || {
        rejected(&two.stats()[0]).get("signature").copied() >= Some(4)
    })
    .await;
    let (nodes, scar) = seen(&two, "a");
    assert!(nodes == 1 && scar <= 20.0, "{nodes} nodes, {scar}");
}

/// Heartbeats that anybody can write, of a thousand nodes that do not exist.
pub async fn a_crowd_of_strangers_is_told_of_and_slows_nothing_down() {
    let redis = Redis::start().unwrap();
    let (one, two) = (provider("one", &redis.url()), provider("two", &redis.url()));
    for node in [&one, &two] {
        node.connect().await.unwrap();
    }
    eventually("both are up", || one.health().is_up() && two.health().is_up()).await;
    let header = |number: usize| Header {
        cluster: ClusterHash::of("default"),
        node: NodeId::new(&format!("stranger-{number}")).unwrap(),
        incarnation: 1,
        seq: 1,
        sent_ms: 1,
        lambda: DecayRate::ZERO,
        ttl_ms: 60_000,
        cfg: 0,
        kind: Kind::Heartbeat,
        shard: 0,
        part: 0,
        parts: 1,
        proof: None,
    };
    let mut pipe = Vec::new();
    for number in 0..1_023 {
        let bytes = encode(&header(number), &[], None).unwrap();
        let channel = "atrion:sync:{default/0}";
        pipe.extend(
            format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n${}\r\n", channel.len(), bytes.len())
                .into_bytes(),
        );
        pipe.extend(bytes);
        pipe.extend(b"\r\n");
    }
    let mut socket = std::os::unix::net::UnixStream::connect(redis.socket()).unwrap();
    socket.write_all(&pipe).unwrap();
    eventually(
        "it is told",
        || matches!(one.health(), Health::Degraded { reason } if reason.contains("set `hmac_key`")),
    )
    .await;
    one.update_vector(route("a"), vector(60.0)).await.unwrap();
    let took = eventually("two hears one", || seen(&two, "a").1 > 55.0).await;
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
}
