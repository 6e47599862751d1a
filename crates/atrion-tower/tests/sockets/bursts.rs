// SPDX-License-Identifier: Apache-2.0
//! What comes at once before an idle service is no overload: a service of eight connections of 40 ms
//! and an SLO of a second, after eight seconds of calm. How large a crowd may be is learned from the
//! first ones, of which a part is refused; nothing is of the later ones.
//!
//! Nothing is measured in seconds. A machine that stalls makes answers slow, and then a gate may
//! refuse: bursts around such a stall are left out.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::Tier;
use atrion_tower::AdmissionLayer;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::serve::{atrion, serve};

type Requests = Client<HttpConnector, Empty<Bytes>>;

/// One call after another holds one of eight connections for 40 ms.
fn pooled() -> Router {
    let pool = Arc::new(Semaphore::new(8));
    let work = async move || {
        let _connection = pool.acquire().await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    };
    Router::new().route("/", get(work))
}

/// So many requests at once: how many were refused, and how long the slowest took.
async fn at_once(client: &Requests, url: &str, count: usize) -> (usize, Duration) {
    let begin = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let request = Request::get(url).body(Empty::new()).unwrap();
        calls.spawn(client.request(request));
    }
    let answers = calls.join_all().await;
    let is_refused = |answer: &Result<_, _>| {
        let response: &http::Response<_> = answer.as_ref().unwrap();
        response.headers().contains_key("x-atrion-shed")
    };
    (answers.iter().filter(|answer| is_refused(answer)).count(), begin.elapsed())
}

/// Bursts that were answered fast enough to tell something, and requests of them that were refused:
/// of the first one, and of all later ones.
struct Told {
    bursts: usize,
    first: usize,
    later: usize,
}

async fn bursts_of(size: usize) -> Told {
    let layer = AdmissionLayer::new(atrion().await).default_priority(Tier::Critical);
    let url = format!("http://{}/", serve(pooled().layer(layer)).await);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (begin, mut calm) = (Instant::now(), interval(Duration::from_millis(25)));
    while begin.elapsed() < Duration::from_secs(8) {
        calm.tick().await;
        at_once(&client, &url, 1).await;
    }
    let (mut beat, mut is_calm) = (interval(Duration::from_millis(500)), true);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.tick().await;
    let (first, _) = at_once(&client, &url, size).await;
    let mut told = Told { bursts: 0, first, later: 0 };
    for nth in 0..12 {
        beat.tick().await;
        let (refused, slowest) = at_once(&client, &url, size).await;
        let was_calm = std::mem::replace(&mut is_calm, slowest < Duration::from_millis(700));
        // How large a crowd may be is learned from the first one, and the largest need a second.
        if is_calm && was_calm && nth > 0 {
            told.bursts += 1;
            told.later += refused;
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_on_an_idle_service_are_served_whole() {
    let (a, b, c, d) = tokio::join!(bursts_of(20), bursts_of(30), bursts_of(40), bursts_of(80));
    for (size, told) in [(20, a), (30, b), (40, c), (80, d)] {
        assert!(told.bursts >= 3, "the machine is too slow to tell: {} bursts of {size}", told.bursts);
        assert_eq!(told.later, 0, "of {} bursts of {size}, and {} of the first", told.bursts, told.first);
    }
}
