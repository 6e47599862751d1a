// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Redis Cluster and Sentinel.

use std::time::Duration;

use atrion_cluster::redis::{RedisClusterProvider, Topology};
use atrion_license::{Tier, development};
use atrion_state::StateProvider;
use atrion_testbed::{RedisCluster, Reply, Sentinel};
use tokio::time::sleep;

use super::support::{eventually, route, seen, vector};

fn node(name: &str, urls: &[String], topology: Topology) -> RedisClusterProvider {
    RedisClusterProvider::builder()
        .urls(urls)
        .topology(topology)
        .node(name)
        .license(development::key(Tier::Enterprise).unwrap())
        .build()
        .unwrap()
}

async fn hears(reader: &RedisClusterProvider, writer: &RedisClusterProvider, on: &str, scar: f64) {
    writer.update_vector(route(on), vector(scar)).await.unwrap();
    eventually(&format!("`{on}` is heard"), || {
        let (nodes, seen) = seen(reader, on);
        nodes == 1 && (seen - scar).abs() < 0.1 * scar
    })
    .await;
}

/// Which node of the cluster has the fleet's slot: the one that has the fleet's members.
fn owner(cluster: &RedisCluster) -> usize {
    let has = |node: &atrion_testbed::Redis| {
        matches!(node.command(["EXISTS", "atrion:{default/0}:m"]), Ok(Reply::Number(1)))
    };
    cluster.nodes().iter().position(has).expect("a node has it")
}

pub async fn a_cluster_of_three_masters_carries_a_fleet() {
    let mut cluster = RedisCluster::start().unwrap();
    let urls = cluster.urls();
    let [one, two, three] = ["one", "two", "three"].map(|name| node(name, &urls, Topology::Cluster));
    for provider in [&one, &two, &three] {
        provider.connect().await.unwrap();
        eventually("it is connected", || provider.health().is_up()).await;
    }
    hears(&two, &one, "a", 30.0).await;
    eventually("three, too", || seen(&three, "a").0 == 1).await;
    // The node that carries them is killed and comes back empty, with the slots that it had.
    let owner = owner(&cluster);
    cluster.nodes_mut()[owner].kill();
    eventually("all nodes notice", || [&one, &two, &three].iter().all(|node| !node.health().is_up())).await;
    one.update_vector(route("b"), vector(44.0)).await.unwrap();
    cluster.nodes_mut()[owner].restart().unwrap();
    eventually("all nodes are back", || [&one, &two, &three].iter().all(|node| node.health().is_up())).await;
    hears(&two, &one, "a", 60.0).await;
    eventually("what happened meanwhile is known", || seen(&three, "b").0 == 1).await;
}

pub async fn a_fleet_follows_its_slot_to_another_node() {
    let cluster = RedisCluster::start().unwrap();
    let urls = cluster.urls();
    let [one, two] = ["one", "two"].map(|name| node(name, &urls, Topology::Cluster));
    for provider in [&one, &two] {
        provider.connect().await.unwrap();
        eventually("it is connected", || provider.health().is_up()).await;
    }
    hears(&two, &one, "a", 30.0).await;
    let from = owner(&cluster);
    let to = (from + 1) % 3;
    let nodes = cluster.nodes();
    let keyslot = nodes[from].command(["CLUSTER", "KEYSLOT", "{default/0}"]).unwrap();
    let Reply::Number(slot) = keyslot else { panic!("{keyslot:?}") };
    let id = nodes[to].command(["CLUSTER", "MYID"]).unwrap();
    let (slot, id) = (slot.to_string(), id.text().unwrap().to_owned());
    // The slot goes, with nothing in it, as in the last step of a migration.
    nodes[from].command(["FLUSHALL"]).unwrap();
    for number in [to, from, 3 - from - to] {
        // A write between the two commands keeps the slot where it is for a moment.
        for attempt in 0.. {
            let moved = nodes[number].command(["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
            if moved.is_ok() {
                break;
            }
            assert!(attempt < 100, "{moved:?}");
            nodes[number].command(["FLUSHALL"]).unwrap();
            sleep(Duration::from_millis(5)).await;
        }
    }
    eventually("the members are at the new node", || owner_is(&cluster, to)).await;
    eventually("both are connected", || one.health().is_up() && two.health().is_up()).await;
    hears(&two, &one, "a", 60.0).await;
    hears(&one, &two, "b", 20.0).await;
}

fn owner_is(cluster: &RedisCluster, number: usize) -> bool {
    matches!(cluster.nodes()[number].command(["SCARD", "atrion:{default/0}:m"]), Ok(Reply::Number(2)))
}

pub async fn a_fleet_follows_its_master_after_a_failover() {
    let mut sentinel = Sentinel::start().unwrap();
    let urls = sentinel.urls();
    let topology = || Topology::Sentinel { master: Sentinel::NAME.to_owned() };
    let [one, two] = ["one", "two"].map(|name| node(name, &urls, topology()));
    for provider in [&one, &two] {
        provider.connect().await.unwrap();
        eventually("it is connected", || provider.health().is_up()).await;
    }
    hears(&two, &one, "a", 30.0).await;
    sentinel.fail_over().unwrap();
    one.update_vector(route("b"), vector(44.0)).await.unwrap();
    eventually("both found the new master", || one.health().is_up() && two.health().is_up()).await;
    hears(&two, &one, "a", 60.0).await;
    eventually("what happened meanwhile is known", || seen(&two, "b").0 == 1).await;
    let members = sentinel.servers()[1].command(["SCARD", "atrion:{default/0}:m"]).unwrap();
    assert!(matches!(members, Reply::Number(2)), "{members:?}");
}
