// SPDX-License-Identifier: Apache-2.0

use std::borrow::Cow;
use std::convert::Infallible;

use atrion_engine::OVERFLOW_ROUTE;
use atrion_tower::http::Intake;
use atrion_tower::{AdmissionLayer, RouteNames};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{World, body, get};

async fn routes_of<I>(layer: impl FnOnce(&World) -> AdmissionLayer<I>, paths: &[&str]) -> (World, Vec<String>)
where
    I: Intake<Full<Bytes>>,
{
    let world = World::with_room_for_one().await;
    let answer = service_fn(async |_: Request<I::Body>| Ok::<_, Infallible>(Response::new(body(""))));
    let service = layer(&world).layer(answer);
    for path in paths {
        assert_eq!(service.clone().oneshot(get(path)).await.unwrap().status(), 200);
    }
    let routes = world.routes();
    (world, routes)
}

#[tokio::test]
async fn raw_paths_never_become_routes() {
    let (_, routes) = routes_of(World::layer, &["/a", "/b", "/c?d"]).await;
    assert_eq!(routes, ["unmatched"]);
}

#[tokio::test]
async fn clients_have_a_route_per_authority() {
    let calls =
        ["http://api.example.com/a", "http://me:secret@api.example.com/b", "http://[::1]:8080/", "/relative"];
    let client = |world: &World| AdmissionLayer::client(world.atrion.clone());
    let (_, routes) = routes_of(client, &calls).await;
    assert_eq!(routes, ["[::1]:8080", "api.example.com", "unmatched"]);
}

#[tokio::test]
async fn methods_that_are_not_listed_share_a_route() {
    let names = RouteNames::grpc(["/shop.Checkout/Pay"]).otherwise("grpc");
    let layer = |world: &World| world.layer().names(names);
    let (_, routes) = routes_of(layer, &["/shop.Checkout/Pay", "/made/Up", "/also/MadeUp"]).await;
    assert_eq!(routes, ["/shop.Checkout/Pay", "grpc"]);
}

#[tokio::test]
async fn a_function_may_name_routes_and_invalid_names_share_the_overflow_route() {
    let names = RouteNames::by(|head| {
        let first = head.uri.path().split('/').nth(1)?;
        (first != "none")
            .then(|| if first == "long" { Cow::Owned("x".repeat(10_000)) } else { Cow::Borrowed(first) })
    });
    let layer = |world: &World| world.layer().names(names);
    let (world, routes) = routes_of(layer, &["/shop/17", "/none/1", "/long/1", "/"]).await;
    assert_eq!(routes, ["shop", "unmatched"]);
    assert_eq!(world.counts(OVERFLOW_ROUTE).all_admitted(), 2);
}
