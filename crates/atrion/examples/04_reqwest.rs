// SPDX-License-Identifier: Apache-2.0
//! Lesson 4: a `reqwest` client whose callee fails and recovers. `reqwest` has request and response
//! types of its own, so this is the layer for any service: `CallLayer`, with rules that know those
//! types.
//!
//! `cargo run -p atrion --features tower --example 04_reqwest`

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use atrion::tower::{CallLayer, CallRules, GuardedError};
use atrion::{Atrion, Mode, Outcome, Priority, Route, Tier};
use axum::http::StatusCode;
use tower::{Service as _, ServiceBuilder, ServiceExt as _};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The rules for this program's calls.
struct Rules {
    atrion: Atrion,
}

impl CallRules<reqwest::Request, reqwest::Response, reqwest::Error> for Rules {
    fn route(&self, request: &reqwest::Request) -> Route {
        self.atrion.route(request.url().host_str().unwrap_or("no host"))
    }

    fn priority(&self, request: &reqwest::Request) -> Priority {
        // A caller waits for a write; a read can be repeated later.
        let tier = if request.method().is_safe() { Tier::Low } else { Tier::High };
        tier.into()
    }

    fn outcome(&self, result: Result<&reqwest::Response, &reqwest::Error>) -> Outcome {
        match result {
            Ok(response) if response.status().is_server_error() => Outcome::Failure,
            Ok(response) if response.status().is_client_error() => Outcome::Ignored,
            Ok(_) => Outcome::Success,
            // A request that could not even be built says nothing about the callee.
            Err(error) if error.is_builder() => Outcome::Ignored,
            Err(_) => Outcome::Failure,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let healthy = Arc::new(AtomicBool::new(true));
    let url = start_callee(Arc::clone(&healthy)).await?;
    let atrion = Atrion::builder().connect().await?;
    let layer = CallLayer::new(Rules { atrion: atrion.clone() });
    let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
    let mut client = ServiceBuilder::new().layer(layer).service(http.clone());

    let route = atrion.route("127.0.0.1");
    for (phase, is_healthy, ends_in) in [
        ("healthy", true, Mode::Operational),
        ("failing", false, Mode::CircuitBreaker),
        ("recovered", true, Mode::Operational),
    ] {
        healthy.store(is_healthy, Relaxed);
        let (mut good, mut bad, mut refused) = (0, 0, 0);
        let begin = Instant::now();
        // Two seconds each; a busy machine may take longer.
        while begin.elapsed() < Duration::from_secs(2)
            || route.mode() != ends_in && begin.elapsed() < Duration::from_secs(10)
        {
            match client.ready().await?.call(http.get(&url).build()?).await {
                Ok(response) if response.status().is_success() => good += 1,
                Err(GuardedError::Refused(_)) => refused += 1,
                Ok(_) | Err(GuardedError::Callee(_)) => bad += 1,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("{phase:<9} {good:>4} good {bad:>4} bad {refused:>4} spared; then {}", route.mode());
        if route.mode() != ends_in {
            return Err(format!("the route should be in {ends_in} by now").into());
        }
    }
    atrion.shutdown().await;
    Ok(())
}

async fn start_callee(healthy: Arc<AtomicBool>) -> Result<String, Error> {
    let answer = async move || match healthy.load(Relaxed) {
        true => StatusCode::OK,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let app = axum::Router::new().route("/", axum::routing::get(answer));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
