// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the port promises, heading by heading.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use atrion_testkit::contract::{self, Subject, Time};
use atrion_testkit::servers::Redis;

use super::support::builder;

pub async fn the_contract_is_kept() {
    let redis = Redis::start().unwrap();
    let runs = AtomicUsize::new(0);
    // Every check has a fleet of its own in the one server.
    let report = contract::run_all(|| async {
        let cluster = format!("check-{}", runs.fetch_add(1, Ordering::SeqCst));
        let node = |name: &str| Arc::new(builder(name, &redis.url()).cluster(&cluster).build().unwrap());
        Subject::new(node("one"), Time::Real).with_peer(node("two"))
    })
    .await;
    report.assert_kept();
}
