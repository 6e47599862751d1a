// SPDX-License-Identifier: Apache-2.0
//! An hour's traffic, as fast as it goes.

use std::net::SocketAddr;

use futures_util::future::join_all;
use serde_json::json;
use tokio::net::TcpStream;

use crate::binary::Process;
use crate::issuer::{Issuer, claims, set};
use crate::support::{OK, eventually, least, read_until, say, saying};

/// Fifty a second.
const REQUESTS: usize = 50 * 3600;
/// Of five minutes each; the file is read again after each.
const ROUNDS: usize = 12;
const CLIENTS: usize = 16;
/// Requests over one connection.
const EACH: usize = 25;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run it with `--ignored soak`, and with `--release` for fewer"]
async fn an_hour_s_traffic_leaves_memory_and_descriptors_flat() {
    let (upstream, _) = saying(OK).await;
    let (issuer, folder) = (Issuer::new(), tempfile::tempdir().unwrap());
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, set(&[issuer.jwk("a")])).unwrap();
    let token = issuer.sign(&json!({"alg": "ES256"}), &claims("tier", "high"));
    let more = format!(
        "[[route]]\nmatch = \"GET /a/{{id}}\"\n[admission]\nshadow = true\ntenant = {{ header = \"x-customer\" }}\n\
         [jwt]\nkeys = {keys:?}\nissuer = \"https://id\"\ntier = \"tier\"\n"
    );
    let process = Process::start(&least(upstream, &more), 1024);
    let mut settled = (0, 0);
    for round in 0..ROUNDS {
        let of = |client| some(process.address, client, REQUESTS / ROUNDS / CLIENTS, &token);
        join_all((0..CLIENTS).map(of)).await;
        process.signal("HUP");
        eventually(async || process.metric("atrion_gateway_reloads_total{").await == round as u64 + 1).await;
        eventually(async || process.metric("atrion_gateway_connections{").await == 0).await;
        let now = (process.resident(), process.descriptors());
        println!("round {round}: {} KiB, {} descriptors", now.0 / 1024, now.1);
        // The allocator keeps what the first rounds needed at once.
        if round < 2 {
            settled = now;
        }
        assert!(now.0 < settled.0 + (8 << 20) && now.1 <= settled.1 + 4, "{now:?} after {settled:?}");
    }
}

/// Requests of one client after the other, over connections of [`EACH`]; the last one of each
/// connection is wrong, or breaks off.
async fn some(to: SocketAddr, client: usize, count: usize, token: &str) {
    for begin in (0..count).step_by(EACH) {
        let mut stream = TcpStream::connect(to).await.unwrap();
        for n in begin..(begin + EACH - 1).min(count) {
            let what = match n % 5 {
                0 => format!("GET /a/{client}-{n} HTTP/1.1\r\nhost: shop\r\n\r\n"),
                1 => format!("GET /b HTTP/1.1\r\nhost: shop\r\nauthorization: Bearer {token}\r\n\r\n"),
                2 => "GET /c HTTP/1.1\r\nhost: shop\r\nauthorization: Bearer a.b.c\r\n\r\n".to_owned(),
                3 => "POST /d HTTP/1.1\r\nhost: shop\r\ncontent-length: 4\r\n\r\nbody".to_owned(),
                _ => format!("GET /a/1 HTTP/1.1\r\nhost: shop\r\nx-customer: {client}-{n}\r\n\r\n"),
            };
            say(&mut stream, &what).await;
            read_until(&mut stream, "ok").await;
        }
        if (begin / EACH).is_multiple_of(2) {
            say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await;
            read_until(&mut stream, "400").await;
        } else {
            say(&mut stream, "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 9\r\n\r\nhalf").await;
        }
    }
}
