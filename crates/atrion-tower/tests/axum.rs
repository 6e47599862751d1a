// SPDX-License-Identifier: Apache-2.0
//! The layer in a real axum server, called over a socket.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

use std::net::Ipv4Addr;
use std::sync::Arc;

use atrion_core::Tier;
use atrion_engine::{Atrion, Config, RouteConfig};
use atrion_tower::{AdmissionLayer, TrustedHeaders};
use axum::Router;
use axum::routing::{any, get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;

/// Serves `app` on a free port; answers with its address.
async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn send(request: http::request::Builder) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let (head, body) = client.request(request.body(Empty::new()).unwrap()).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn routes_are_axums_templates_whatever_paths_and_methods_clients_invent() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let users = Router::new().route("/{id}", get(async || "user"));
    let app = Router::new()
        .nest("/users", users)
        .route("/any", any(async || "any"))
        .layer(AdmissionLayer::new(atrion.clone()))
        .route("/health", get(async || "outside"));
    let base = serve(app).await;
    for id in 0..20 {
        assert_eq!(send(Request::get(format!("{base}/users/{id}?page={id}"))).await.body(), "user");
        assert_eq!(send(Request::get(format!("{base}/no/such/{id}"))).await.status(), 404);
        let invented = format!("FROB{id}");
        let answer = send(Request::builder().method(invented.as_str()).uri(format!("{base}/any"))).await;
        assert_eq!(answer.body(), "any");
    }
    assert_eq!(send(Request::get(format!("{base}/health"))).await.body(), "outside");
    let routes = atrion.snapshot().routes.into_iter();
    let mut names: Vec<_> = routes.map(|route| route.id.as_str().to_owned()).collect();
    names.retain(|name| name != atrion_engine::OVERFLOW_ROUTE);
    names.sort();
    assert_eq!(names, ["@service", "GET /users/{id}", "_OTHER /any", "unmatched"]);
}

#[tokio::test]
async fn a_full_route_refuses_and_its_neighbour_does_not() {
    let room = Config::default().route("GET /full", RouteConfig::default().cap(1));
    let atrion = Atrion::builder().config(room).connect().await.unwrap();
    let (arrived, leave) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let handler = {
        let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
        async move || {
            arrived.add_permits(1);
            leave.acquire().await.map(|_| "done").map_err(|closed| closed.to_string())
        }
    };
    let app = Router::new()
        .route("/full", get(handler))
        .route("/free", get(async || "free"))
        .layer(AdmissionLayer::new(atrion.clone()).trust_headers(TrustedHeaders::new()));
    let base = serve(app).await;

    let first = tokio::spawn(send(Request::get(format!("{base}/full"))));
    arrived.acquire().await.unwrap().forget();
    let answer = send(Request::get(format!("{base}/full")).header("x-atrion-tier", "critical")).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["content-length"], answer.body().len().to_string());
    let document: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(document["route"], "GET /full");
    assert!(document["voltage"].as_f64().unwrap() >= Tier::Critical.band().0, "{document}");
    assert_eq!(send(Request::get(format!("{base}/free"))).await.body(), "free");

    leave.add_permits(1);
    assert_eq!(first.await.unwrap().body(), "done");
    leave.add_permits(1);
    assert_eq!(send(Request::get(format!("{base}/full"))).await.body(), "done", "there is room again");
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_place() {
    let room = Config::default().route("GET /slow", RouteConfig::default().cap(1));
    let atrion = Atrion::builder().config(room).connect().await.unwrap();
    let arrived = Arc::new(Semaphore::new(0));
    let handler = {
        let arrived = Arc::clone(&arrived);
        async move || {
            arrived.add_permits(1);
            std::future::pending::<&str>().await
        }
    };
    let layer = AdmissionLayer::new(atrion.clone());
    let base = serve(Router::new().route("/slow", get(handler)).layer(layer)).await;
    let call = tokio::spawn(send(Request::get(format!("{base}/slow"))));
    arrived.acquire().await.unwrap().forget();
    assert_eq!(atrion.route("GET /slow").snapshot().in_flight, 1);
    call.abort();
    // hyper drops the handler's future when it sees the end of the connection.
    let freed = async {
        while atrion.route("GET /slow").snapshot().in_flight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), freed).await.unwrap();
}
