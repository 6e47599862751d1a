// SPDX-License-Identifier: Apache-2.0
//! The stacks of the documentation at three times what they can carry, in virtual time: eight
//! workers of 50 ms are 160 requests a second.
//!
//! What counts is how many of them are answered within a second. Without a guard the queue grows
//! until none is.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Tier, Wall};
use atrion_engine::{Atrion, Config};
use atrion_state::Clock;
use atrion_tower::{AdmissionLayer, CallLayer, RequestBody, RouteNames};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

/// tokio's time, which a paused runtime moves.
#[derive(Debug)]
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Mono {
        Mono::from_nanos(self.0.elapsed().as_nanos() as u64)
    }

    fn wall(&self) -> Wall {
        Wall::from_millis(0)
    }
}

async fn atrion() -> Atrion {
    let config = Config::default().slo(DEADLINE);
    Atrion::builder().config(config).clock(Arc::new(Virtual(Instant::now()))).connect().await.unwrap()
}

const DEADLINE: Duration = Duration::from_secs(1);
const WORKERS: usize = 8;
const WORK: Duration = Duration::from_millis(50);
const CAPACITY: f64 = 160.0;

async fn work<Q>(_: Q) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::time::sleep(WORK).await;
    Ok(Response::new(Full::default()))
}

fn get() -> Request<Full<Bytes>> {
    Request::get("/").body(Full::default()).unwrap()
}

/// What came of the requests of ten seconds, a second.
struct Score {
    in_time: f64,
    late: f64,
    refused: f64,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} in time, {:.0} late, {:.0} refused of 480/s", self.in_time, self.late, self.refused)
    }
}

/// Calls `service` 480 times a second, for twenty seconds of which the second half counts.
/// `was_refused` looks at an answer.
async fn score<S, Q>(
    service: S,
    request: fn() -> Q,
    was_refused: fn(&Result<S::Response, S::Error>) -> bool,
) -> Score
where
    S: Service<Q, Future: Send + 'static, Response: Send, Error: Send> + Clone + Send + 'static,
    Q: Send + 'static,
{
    let mut arrivals = tokio::time::interval(Duration::from_nanos(1_000_000_000 / 480));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..480 * 20 {
        arrivals.tick().await;
        let service = service.clone();
        calls.spawn(async move {
            let begin = Instant::now();
            let result = service.oneshot(request()).await;
            (number, begin.elapsed(), was_refused(&result))
        });
    }
    let mut counts = [0u32; 3];
    while let Some(call) = calls.join_next().await {
        let (number, took, is_refused) = call.unwrap();
        if number >= 480 * 10 {
            counts[if is_refused { 2 } else { usize::from(took > DEADLINE) }] += 1;
        }
    }
    let [in_time, late, refused] = counts.map(|count| f64::from(count) / 10.0);
    Score { in_time, late, refused }
}

fn is_503<B, E>(result: &Result<Response<B>, E>) -> bool {
    result.as_ref().is_ok_and(|response| response.status() == 503)
}

/// A guarded stack serves what it can, and almost all of it in time.
fn check(name: &str, score: &Score) {
    assert!(score.in_time >= 0.9 * CAPACITY, "{name}: {score}");
    assert!(score.late <= 0.05 * CAPACITY, "{name}: {score}");
    assert!(score.refused >= 300.0, "{name}: {score}");
}

#[tokio::test(start_paused = true)]
async fn without_a_guard_a_queue_makes_everybody_late() {
    let service = ServiceBuilder::new().concurrency_limit(WORKERS).service(service_fn(work));
    let score = score(service, get, is_503).await;
    assert!(score.in_time < 10.0, "{score}");
}

#[tokio::test(start_paused = true)]
async fn admission_outside_of_a_concurrency_limit_sees_its_queue() {
    let service = ServiceBuilder::new()
        .layer(AdmissionLayer::new(atrion().await))
        .concurrency_limit(WORKERS)
        .service(service_fn(work));
    check("limit", &score(service, get, is_503).await);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_of_the_guard_covers_the_work() {
    // The order of the README.
    let service = ServiceBuilder::new()
        .layer(AdmissionLayer::new(atrion().await))
        .concurrency_limit(WORKERS)
        .timeout(DEADLINE)
        .service(service_fn(work));
    check("limit, timeout", &score(service, get, is_503).await);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_before_the_limit_is_part_of_the_queue() {
    let workers = ServiceBuilder::new()
        .concurrency_limit(WORKERS)
        .service(service_fn(work::<Request<RequestBody<Full<Bytes>>>>));
    let service =
        ServiceBuilder::new().layer(AdmissionLayer::new(atrion().await)).buffer(1_024).service(workers);
    check("buffer, limit", &score(service, get, is_503).await);
}

#[tokio::test(start_paused = true)]
async fn two_layers_see_the_queue_as_one_does() {
    let atrion = atrion().await;
    let each_route = AdmissionLayer::new(atrion.clone()).names(RouteNames::fixed("/"));
    let service = ServiceBuilder::new()
        .layer(each_route.clone().names(RouteNames::fixed("all")).each_route_alone())
        .layer(each_route.each_route_alone())
        .concurrency_limit(WORKERS)
        .service(service_fn(work));
    check("two layers", &score(service, get, is_503).await);
}

#[tokio::test(start_paused = true)]
async fn calls_of_any_kind_see_the_queue_of_their_pool() {
    let atrion = atrion().await;
    let service = ServiceBuilder::new()
        .layer(CallLayer::new(atrion.route("pool")))
        .concurrency_limit(WORKERS)
        .service(service_fn(work::<()>));
    check("calls", &score(service, || (), |result| result.is_err()).await);
}

#[tokio::test(start_paused = true)]
async fn admission_inside_of_a_limit_does_not_see_the_queue() {
    // The README calls this order wrong; this is why.
    let service = ServiceBuilder::new()
        .concurrency_limit(WORKERS)
        .layer(AdmissionLayer::new(atrion().await))
        .service(service_fn(work));
    let score = score(service, get, is_503).await;
    assert!(score.in_time < 10.0, "{score}");
}

/// Three times the capacity, a tenth of it critical: the shares of critical that were refused, by
/// the second after the shadow has ended in the tenth.
async fn critical_after_the_shadow() -> Vec<f64> {
    let atrion = atrion().await;
    let config = Config::default().slo(DEADLINE);
    atrion.replace_config(config.clone().shadow(true)).unwrap();
    let service = ServiceBuilder::new()
        .layer(AdmissionLayer::new(atrion.clone()))
        .concurrency_limit(WORKERS)
        .service(service_fn(work));
    let mut arrivals = tokio::time::interval(Duration::from_nanos(1_000_000_000 / 480));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..480 * 30 {
        arrivals.tick().await;
        if number == 480 * 10 {
            atrion.replace_config(config.clone()).unwrap();
        }
        let service = service.clone();
        calls.spawn(async move {
            let mut request = get();
            let tier = if number % 10 == 0 { Tier::Critical } else { Tier::Normal };
            request.extensions_mut().insert(tier);
            // A caller gives up after a second.
            let call = tokio::time::timeout(DEADLINE, service.oneshot(request)).await;
            let is_refused = call.is_ok_and(|result| is_503(&result));
            (number / 480, tier == Tier::Critical, is_refused)
        });
    }
    let mut seconds = vec![(0u32, 0u32); 30];
    while let Some(call) = calls.join_next().await {
        let (second, is_critical, is_refused) = call.unwrap();
        if is_critical {
            seconds[second as usize].0 += 1;
            seconds[second as usize].1 += u32::from(is_refused);
        }
    }
    seconds[10..].iter().map(|(all, refused)| f64::from(*refused) / f64::from(*all)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_shadow_in_an_overload_spares_the_critical() {
    let shares = critical_after_the_shadow().await;
    // What the shadow has let in is a queue of a second, which has to be worked off first; and a
    // gate that gives up what was worked off late takes another one to see that it is none of that.
    assert!(shares[..2].iter().sum::<f64>() <= 1.8, "{shares:?}");
    assert!(shares[2..].iter().all(|share| *share <= 0.02), "{shares:?}");
}
