// SPDX-License-Identifier: Apache-2.0
//! Lesson 7: a consumer of a broker that pauses instead of dropping. Three times as many messages come
//! as the service behind can take, through a NATS JetStream of its own. One consumer asks and gives
//! back what is refused, which burns an attempt each time; the other waits for a permit, so that the
//! broker keeps what there is no place for.
//!
//! `cargo run -p atrion-testbed --example 07_consumer`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, AckKind, Context, stream};
use atrion::{Atrion, Config, Outcome, Route, RouteConfig, Tier};
use atrion_testbed::Nats;
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Four workers of 20 ms: 200 messages a second.
const WORKERS: usize = 4;
const WORK: Duration = Duration::from_millis(20);
/// Three times as many for two seconds.
const MESSAGES: u32 = 1_200;
const SPAN: Duration = Duration::from_secs(2);
/// After so many deliveries the broker gives a message up.
const ATTEMPTS: i64 = 5;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let nats = match Nats::start() {
        Ok(nats) => nats,
        Err(error) => {
            println!("no NATS to try it with: {error}");
            return Ok(());
        }
    };
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    let config = Config::default().route("mail", RouteConfig::default().slo(5 * WORK));
    let atrion = Atrion::builder().config(config).connect().await?;
    println!("{MESSAGES} messages within {SPAN:?}; the service takes 200 a second");
    println!("{:<24}{:>8}{:>12}{:>8}{:>10}", "the consumer", "sent", "deliveries", "lost", "took s");
    for waits in [false, true] {
        let name = if waits { "waits" } else { "gives-back" };
        let consumer = consumer(&context, name).await?;
        let route = atrion.route("mail");
        let publishing = tokio::spawn(publish(context.clone(), name));
        let (begin, figures) = (Instant::now(), consume(consumer, route, waits).await?);
        publishing.await??;
        println!(
            "{:<24}{:>8}{:>12}{:>8}{:>10.1}",
            if waits { "waits for a permit" } else { "gives back the refused" },
            figures.sent.load(Relaxed),
            figures.deliveries.load(Relaxed),
            MESSAGES - figures.sent.load(Relaxed),
            begin.elapsed().as_secs_f64()
        );
    }
    atrion.shutdown().await;
    Ok(())
}

async fn consumer(context: &Context, name: &str) -> Result<PullConsumer, Error> {
    let subjects = vec![format!("{name}.mail")];
    let stream = stream::Config { name: name.to_owned(), subjects, ..stream::Config::default() };
    let stream = context.create_stream(stream).await?;
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_deliver: ATTEMPTS,
        max_ack_pending: 64,
        ..pull::Config::default()
    };
    Ok(stream.create_consumer(config).await?)
}

async fn publish(context: Context, name: &'static str) -> Result<(), Error> {
    let mut every = tokio::time::interval(SPAN / MESSAGES);
    for _ in 0..MESSAGES {
        every.tick().await;
        context.publish(format!("{name}.mail"), "a letter".into()).await?.await?;
    }
    Ok(())
}

#[derive(Default)]
struct Figures {
    sent: AtomicU32,
    deliveries: AtomicU32,
}

/// Until nothing has come for a while.
async fn consume(consumer: PullConsumer, route: Route, waits: bool) -> Result<Arc<Figures>, Error> {
    let (figures, workers) = (Arc::new(Figures::default()), Arc::new(Semaphore::new(WORKERS)));
    let mut messages = consumer.messages().await?;
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(2), messages.next()).await {
        let message = message?;
        figures.deliveries.fetch_add(1, Relaxed);
        // The message stays with the broker, and nothing more is taken from it, until there is a place.
        let permit = if waits { route.acquire_owned(Tier::Low).await } else { route.admit_owned(Tier::Low) };
        let Ok(permit) = permit else {
            message.ack_with(AckKind::Nak(Some(Duration::from_millis(100)))).await?;
            continue;
        };
        let (figures, workers) = (Arc::clone(&figures), Arc::clone(&workers));
        tokio::spawn(async move {
            let done = match workers.acquire().await {
                Ok(_worker) => {
                    tokio::time::sleep(WORK).await;
                    message.ack().await.is_ok()
                }
                Err(_) => false,
            };
            figures.sent.fetch_add(u32::from(done), Relaxed);
            permit.finish(if done { Outcome::Success } else { Outcome::Failure });
        });
    }
    Ok(figures)
}
