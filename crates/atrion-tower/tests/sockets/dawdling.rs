// SPDX-License-Identifier: Apache-2.0
//! What clients hold without using it is taken from no other client.

use std::net::{Ipv4Addr, SocketAddr};

use atrion_engine::Atrion;
use atrion_tower::{AdmissionLayer, Hold, RouteNames};
use http::Version;
use tonic::transport::server::TcpIncoming;

use crate::nuisance::{downloads, streams, uploads};
use crate::serve::{app, atrion, serve, turned_away, until};

const FEW: f64 = 0.01;

fn waiting(atrion: &Atrion, route: &str) -> u64 {
    atrion.route(route).snapshot().waiting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_dawdle_over_uploads_are_in_nobodys_way() {
    for count in [10, 15, 20, 50, 300] {
        let atrion = atrion().await;
        let address = serve(app().layer(AdmissionLayer::new(atrion.clone()))).await;
        let _clients = uploads(address, "/upload", count);
        until("they wait", || waiting(&atrion, "POST /upload") == count as u64).await;
        let share = turned_away(address, "/upload", Version::HTTP_11).await;
        assert!(share <= FEW, "{count} sockets, {share}");
        assert_eq!(waiting(&atrion, "POST /upload"), count as u64, "none of them was refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_layers_are_not_held_by_uploads_to_another_route() {
    let atrion = atrion().await;
    let each_route = AdmissionLayer::new(atrion.clone()).each_route_alone();
    let all_routes = each_route.clone().names(RouteNames::fixed("all"));
    let address = serve(app().layer(each_route).layer(all_routes)).await;
    let _clients = uploads(address, "/other", 50);
    until("they wait", || waiting(&atrion, "all") == 50 && waiting(&atrion, "POST /other") == 50).await;
    let share = turned_away(address, "/upload", Version::HTTP_11).await;
    assert!(share <= FEW, "{share}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_run_into_a_timeout_of_the_handler_are_no_failures() {
    let atrion = atrion().await;
    let address = serve(app().layer(AdmissionLayer::new(atrion.clone()))).await;
    let _clients = uploads(address, "/patient", 50);
    until("they wait", || waiting(&atrion, "POST /patient") > 40).await;
    let share = turned_away(address, "/patient", Version::HTTP_11).await;
    let counts = atrion.route("POST /patient").snapshot().counts;
    assert!(share <= FEW, "{share}, {counts:?}");
    assert!(counts.ignored() >= 100 && counts.failed() == 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_streams_of_one_connection_are_in_nobodys_way() {
    for count in [20, 100] {
        let atrion = atrion().await;
        let address = serve(app().layer(AdmissionLayer::new(atrion.clone()))).await;
        let _clients = streams(address, "/upload", count);
        until("they wait", || waiting(&atrion, "POST /upload") == count as u64).await;
        let share = turned_away(address, "/upload", Version::HTTP_2).await;
        assert!(share <= FEW, "{count} streams, {share}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_calls_of_a_tonic_server_are_in_nobodys_way() {
    let atrion = atrion().await;
    let incoming = TcpIncoming::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = incoming.local_addr().unwrap();
    let guard = AdmissionLayer::new(atrion.clone()).names(RouteNames::fixed("calls"));
    let mut server = tonic::transport::Server::builder().layer(guard);
    tokio::spawn(server.add_routes(app().into()).serve_with_incoming(incoming));
    let _clients = streams(address, "/upload", 100);
    until("they wait", || waiting(&atrion, "calls") == 100).await;
    let share = turned_away(address, "/upload", Version::HTTP_2).await;
    assert!(share <= FEW, "{share}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_do_not_read_are_in_nobodys_way() {
    let atrion = atrion().await;
    let layer = AdmissionLayer::new(atrion.clone()).hold(Hold::Body).names(RouteNames::fixed("files"));
    let address = serve(app().layer(layer)).await;
    let _clients = downloads(address, 50);
    until("they wait", || waiting(&atrion, "files") == 50).await;
    let share = turned_away(address, "/upload", Version::HTTP_11).await;
    assert!(share <= FEW, "{share}");
    assert_eq!(waiting(&atrion, "files"), 50);
}
