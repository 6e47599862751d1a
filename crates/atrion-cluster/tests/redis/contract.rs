// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the port promises, heading by heading.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use atrion_cluster::redis::RedisClusterBuilder;
use atrion_state::StateProvider;
use atrion_testbed::Redis;
use atrion_testkit::contract::{self, Subject, Time};

use super::support::{ACL, builder};

async fn kept(builder: impl Fn(&str) -> RedisClusterBuilder + Clone + Send + Sync + 'static) {
    let runs = AtomicUsize::new(0);
    // Every check has a fleet of its own in the one server.
    let report = contract::run_all(|| async {
        let cluster = format!("check-{}", runs.fetch_add(1, Ordering::SeqCst));
        let builder = builder.clone();
        let node = move |name: &str| -> Arc<dyn StateProvider> {
            Arc::new(builder(name).cluster(&cluster).build().unwrap())
        };
        let peer = node("two");
        Subject::opened_by(move || node("one"), Time::Real).with_peer(peer)
    })
    .await;
    report.assert_kept();
    let skipped = report.to_string().matches("skipped").count();
    assert_eq!(skipped, 0, "a shared store with a feed and a peer has no excuse: {report}");
}

pub async fn the_contract_is_kept() {
    let redis = Redis::start().unwrap();
    let url = redis.url();
    kept(move |node| builder(node, &url)).await;
}

/// The ACL of the documentation, word for word; everything else is refused to that user.
pub async fn the_contract_is_kept_by_a_user_with_the_least_rights() {
    let redis = Redis::start().unwrap();
    redis.command(ACL.split_whitespace()).unwrap();
    let url = redis.tcp_url();
    kept(move |node| builder(node, &url).user("atrion").password("pw")).await;
    let log = redis.command(["ACL", "LOG"]).unwrap();
    assert!(log.list().is_empty(), "something was asked for that is not permitted: {log:?}");
}
