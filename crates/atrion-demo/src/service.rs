// SPDX-License-Identifier: Apache-2.0
//! The service: an axum server on the loopback address. The demo runs it as a child process, so
//! that clients and service do not share a runtime and delay the timers of each other.

pub(super) mod guard;
pub(super) mod pool;
mod sidecar;

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use atrion::recording::Recorder;
use atrion::{Atrion, RecordingEnd};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use self::guard::Guard;
use self::pool::{Job, Pool};
use self::sidecar::Python;

pub(crate) use self::pool::{WORK, capacity};

use super::wire::{News, Order, ServiceSpec, Tick, Weather, header};

/// Runs the service of the demo until standard input ends. `beside` gets the instance that protects
/// it, may start a dashboard over it, and returns the address to open.
///
/// # Errors
/// The reason why it cannot start.
pub async fn serve(
    beside: impl AsyncFnOnce(&Atrion) -> anyhow::Result<Option<String>>,
) -> anyhow::Result<()> {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let Some(Order::Start(spec)) = order(&mut orders).await? else {
        anyhow::bail!("the first line on standard input must be the order to start");
    };
    if spec.gateway {
        return serve_sidecar(&spec, orders).await;
    }
    let (weather, receiver) = watch::channel(Weather::Fair);
    let pool = Pool::start(spec.workers, spec.seed, receiver);
    let guard = if spec.protected { Some(Guard::start().await?) } else { None };
    let recorder = match (&guard, &spec.record) {
        (Some(guard), Some(path)) => Some(guard.record(path)?),
        _ => None,
    };
    let dashboard = match &guard {
        Some(guard) => beside(guard.atrion()).await?,
        None => None,
    };
    let router = router(&spec, &pool);
    let router = match &guard {
        Some(guard) => guard.wrap(router),
        None => router,
    };

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot bind a port")?;
    tell(&News::Ready { port: listener.local_addr()?.port(), dashboard })?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::spawn(async move { report(&pool, guard.as_ref()).await });

    while let Some(order) = order(&mut orders).await? {
        if let Order::Weather(now) = order {
            weather.send_replace(now);
        }
    }
    recorder.map_or(Ok(()), recorded)
}

/// The service in Python, and the gateway before it if it is protected.
async fn serve_sidecar(spec: &ServiceSpec, mut orders: Lines<BufReader<Stdin>>) -> anyhow::Result<()> {
    let mut python = Python::start(spec).await?;
    let gateway = if spec.protected { Some(python.guard(spec).await?) } else { None };
    let guard = gateway.as_ref().map(|gateway| Guard::of(gateway.atrion().clone()));
    let recorder = match (&guard, &spec.record) {
        (Some(guard), Some(path)) => Some(guard.record(path)?),
        _ => None,
    };
    let port = match &gateway {
        Some(gateway) => sidecar::port(gateway).await?,
        None => python.port(),
    };
    tell(&News::Ready { port, dashboard: None })?;
    let begin = Instant::now();
    loop {
        tokio::select! {
            order = order(&mut orders) => match order? {
                Some(Order::Weather(now)) => python.tell(now).await?,
                Some(Order::Start(_)) => {}
                None => break,
            },
            report = python.report() => {
                let (queued, busy) = report?;
                let routes = guard.as_ref().map(Guard::routes).unwrap_or_default();
                tell(&News::Tick(Tick { at_s: begin.elapsed().as_secs_f64(), queued, busy, routes }))?;
            }
        }
    }
    recorder.map_or(Ok(()), recorded)
}

fn recorded(recorder: Recorder) -> anyhow::Result<()> {
    let written = recorder.stop();
    anyhow::ensure!(!matches!(written.end, RecordingEnd::Failed(_)), "the recording {}", written.end);
    Ok(())
}

async fn order(orders: &mut Lines<BufReader<Stdin>>) -> anyhow::Result<Option<Order>> {
    let Some(line) = orders.next_line().await.context("cannot read the orders")? else { return Ok(None) };
    Ok(Some(serde_json::from_str(&line).with_context(|| format!("`{line}` is not an order"))?))
}

/// One route per template, all with the same handler.
pub(super) fn router(spec: &ServiceSpec, pool: &Pool) -> Router {
    spec.routes.iter().fold(Router::new(), |router, route| {
        let needs_dependency = route.needs_dependency;
        let handler =
            move |State(pool): State<Pool>, headers: HeaderMap| answer(pool, job(needs_dependency, &headers));
        router.route(&route.pattern, get(handler).with_state(pool.clone()))
    })
}

fn job(needs_dependency: bool, headers: &HeaderMap) -> Job {
    let number = |name| headers.get(name).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let fails_with = number(header::FAIL).and_then(|status| u16::try_from(status).ok());
    Job { needs_dependency, request: number(header::REQUEST).unwrap_or(0), fails_with }
}

async fn answer(pool: Pool, job: Job) -> Response {
    let status = pool.run(job).await.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, "done\n").into_response()
}

/// Sends the state of the service to the demo ten times a second.
async fn report(pool: &Pool, guard: Option<&Guard>) {
    let begin = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let now = tick.tick().await;
        let news = News::Tick(Tick {
            at_s: (now - begin).as_secs_f64(),
            queued: pool.queued(),
            busy: pool.busy(),
            routes: guard.map(Guard::routes).unwrap_or_default(),
        });
        // A broken pipe means that the demo is gone; standard input then ends too.
        if tell(&news).is_err() {
            return;
        }
    }
}

fn tell(news: &News) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(news)?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_from_the_headers_and_nonsense_is_ignored() {
        let mut headers = HeaderMap::new();
        headers.insert(header::REQUEST, "77".parse().expect("a header value"));
        headers.insert(header::FAIL, "503".parse().expect("a header value"));
        let read = job(true, &headers);
        assert_eq!((read.request, read.fails_with, read.needs_dependency), (77, Some(503), true));
        headers.insert(header::REQUEST, "-1".parse().expect("a header value"));
        headers.insert(header::FAIL, "99999".parse().expect("a header value"));
        let read = job(false, &headers);
        assert_eq!((read.request, read.fails_with), (0, None));
    }
}
