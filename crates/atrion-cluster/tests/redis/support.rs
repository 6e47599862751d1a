// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Providers with a licence.

use atrion_cluster::redis::{RedisClusterBuilder, RedisClusterProvider};
use atrion_license::{Tier, development};

pub fn builder(node: &str, url: &str) -> RedisClusterBuilder {
    let key = development::key(Tier::Enterprise).unwrap();
    RedisClusterProvider::builder().url(url).node(node).license(key)
}
