// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! More than anything of ours: servers that never end an answer, records and sets that are too
//! large. Memory stays as it is, and the fleet goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atrion_state::StateProvider;
use atrion_testbed::Redis;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fleet::resident;
use super::support::{builder, eventually, provider, route, seen, vector};

/// Generous, because other tests of this process come and go.
const GROWTH: usize = 96 << 20;

/// A server that reads what it is sent and answers with this, and then with bytes without an end.
async fn endless(listener: TcpListener, answer: &'static str, sent: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(flood(stream, answer, Arc::clone(&sent)));
    }
}

async fn flood(mut stream: TcpStream, answer: &'static str, sent: Arc<AtomicU64>) {
    let (mut asked, bytes) = ([0; 4 << 10], vec![b'x'; 1 << 20]);
    let _ = stream.read(&mut asked).await;
    let _ = stream.write_all(answer.as_bytes()).await;
    while stream.write_all(&bytes).await.is_ok() {
        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

/// Whatever it is that does not end: an answer, a part of one, or a message.
pub async fn a_server_that_never_ends_an_answer_is_not_held_in_memory() {
    let subscribed = "*3\r\n$9\r\nsubscribe\r\n$24\r\natrion:sync:{default/0}\r\n:1\r\n\
        *3\r\n$7\r\nmessage\r\n$24\r\natrion:sync:{default/0}\r\n$9000000000000000000\r\n";
    for answer in ["$9000000000000000000\r\n", "*2\r\n$1\r\n@\r\n$9000000000000000000\r\n", subscribed] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (url, sent) =
            (format!("redis://{}", listener.local_addr().unwrap()), Arc::new(AtomicU64::new(0)));
        let server = tokio::spawn(endless(listener, answer, Arc::clone(&sent)));
        let node = builder("one", &url).longest_wait(Duration::from_millis(100)).build().unwrap();
        let before = resident();
        node.connect().await.unwrap();
        let mut most = before;
        eventually("half a gigabyte was sent", || {
            most = most.max(resident());
            sent.load(Ordering::Relaxed) > 1 << 29
        })
        .await;
        assert!(!node.health().is_up());
        if let (Some(before), Some(most)) = (before, most) {
            eprintln!(
                "{} MB sent, resident {} MB, {} MB at most",
                sent.load(Ordering::Relaxed) >> 20,
                before >> 20,
                most >> 20
            );
            assert!(most < before + GROWTH, "{before} bytes, {most} at most");
        }
        node.disconnect().await.unwrap();
        server.abort();
    }
}

/// What no node can have written: 64 MB in one part, 256 MB in four, a million members.
pub async fn records_and_sets_that_are_too_large_are_left_alone() {
    let redis = Redis::start().unwrap();
    let key = |node: &str| format!("atrion:{{default/0}}:n:{node}");
    let write = |script: &str, key: &str| drop(redis.command(["EVAL", script, "1", key]).unwrap());
    let large = "redis.call('HSET', KEYS[1], '@', 'x', 'p0', string.rep('x', 64 * 1024 * 1024))";
    write(large, &key("large"));
    write(
        "local x = string.rep('x', 64 * 1024 * 1024) for n = 1, 4 do redis.call('HSET', KEYS[1], 'p' .. n, x) end",
        &key("larger"),
    );
    write("redis.call('HSET', KEYS[1], '@', string.rep('x', 64 * 1024 * 1024))", &key("header"));
    write("for n = 1, 20000 do redis.call('HSET', KEYS[1], 'p' .. n, 'x') end", &key("many"));
    write(large, &key("one"));
    redis.command(["SADD", "atrion:{default/0}:m", "large", "larger", "header", "many"]).unwrap();
    let before = resident();
    let mut most = before;
    let (one, two) = (provider("one", &redis.tcp_url()), provider("two", &redis.tcp_url()));
    for node in [&one, &two] {
        node.connect().await.unwrap();
    }
    let mut watched = |holds: bool| {
        most = most.max(resident());
        holds
    };
    eventually("both are up", || watched(one.health().is_up() && two.health().is_up())).await;
    one.update_vector(route("a"), vector(30.0)).await.unwrap();
    eventually("two hears one", || watched(seen(&two, "a").0 == 1)).await;
    let oversized = |node: &dyn StateProvider| {
        node.stats()[0]
            .messages
            .iter()
            .find(|counted| counted.reason == Some("oversized"))
            .map(|counted| counted.count)
    };
    assert!(
        oversized(&one) >= Some(4) && oversized(&two) >= Some(4),
        "{:?}",
        (oversized(&one), oversized(&two))
    );
    let kept = redis.command(["HSTRLEN", &key("large"), "p0"]).unwrap();
    assert_eq!(
        format!("{kept:?}"),
        format!("{:?}", redis.command(["HSTRLEN", &key("larger"), "p1"]).unwrap()),
        "it was left alone"
    );
    // Under this node's own name it gave way to the node's record.
    let own = redis.command(["HSTRLEN", &key("one"), "p0"]).unwrap();
    assert!(format!("{own:?}").len() < 20, "{own:?}");

    // In pieces, so that the server answers meanwhile.
    for piece in 0..50 {
        let ghosts = format!("for n = 1, 20000 do redis.call('SADD', KEYS[1], 'ghost-{piece}-' .. n) end");
        write(&ghosts, "atrion:{default/0}:m");
    }
    let three = provider("three", &redis.tcp_url());
    three.connect().await.unwrap();
    eventually("a node among a million ghosts is up", || watched(three.health().is_up())).await;
    one.update_vector(route("a"), vector(60.0)).await.unwrap();
    eventually("and hears the others", || watched(seen(&three, "a").1 > 55.0)).await;
    if let (Some(before), Some(most)) = (before, most) {
        eprintln!("resident {} MB, {} MB at most", before >> 20, most >> 20);
        assert!(most < before + GROWTH, "{before} bytes, {most} at most");
    }
    let nodes = [&one, &two, &three];
    eventually("all are up", || nodes.iter().all(|node| node.health().is_up())).await;
    for node in nodes {
        node.disconnect().await.unwrap();
    }
}
