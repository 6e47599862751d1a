// SPDX-License-Identifier: Apache-2.0
//! The clients: an open-loop load generator over real HTTP.
//!
//! *Open loop*: each request is sent at its scheduled instant, whatever the outcome of the requests
//! before it, and every latency counts from that instant. A slow service can therefore not slow its
//! clients down and look better for it (coordinated omission). The lateness of the generator is
//! measured and reported.
//!
//! *The client*: gives an attempt [`ATTEMPT_TIMEOUT`], the whole request [`DEADLINE`], and repeats
//! after a timeout, a 5xx or a refusal up to [`RETRIES`] times with exponential backoff and jitter.
//! It ignores `Retry-After`: obedient clients would flatter the guard.

mod connections;

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::{Request, Response};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use self::connections::Connections;

use super::random::Random;
use super::record::{Outcome, Record};
use super::traffic::Arrival;
use super::wire::header;

/// How long a client waits for one attempt.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the user behind the client waits. A later answer is worth nothing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
/// The most repetitions of one request.
pub(crate) const RETRIES: u32 = 2;
/// The mean pause before the first repetition. It doubles for the second; each has +-50 % jitter.
const BACKOFF: Duration = Duration::from_millis(100);

/// Sends every arrival at its instant, counted from `start`, and each outcome to `records`.
/// Returns when the last request is decided.
pub(crate) async fn drive(
    port: u16,
    arrivals: Arc<[Arrival]>,
    start: Instant,
    seed: u64,
    records: mpsc::UnboundedSender<Record>,
) {
    let client = Arc::new(Client { connections: Connections::new(port), arrivals, start, seed });
    for index in 0..client.arrivals.len() {
        sleep_until(start + client.arrivals[index].at).await;
        let (client, records) = (client.clone(), records.clone());
        // The receiver is gone only when the demo ends.
        tokio::spawn(async move { records.send(client.request(index).await) });
    }
    drop(records);
}

struct Client {
    connections: Connections,
    arrivals: Arc<[Arrival]>,
    start: Instant,
    seed: u64,
}

impl Client {
    async fn request(&self, index: usize) -> Record {
        let arrival = &self.arrivals[index];
        let due = self.start + arrival.at;
        let mut record = Record::new(arrival, due.elapsed());
        let mut random = Random::of(&[self.seed, index as u64, BACKOFF_STREAM]);
        for attempt in 0..=RETRIES {
            record.attempts += 1;
            let give_up = (due + DEADLINE).min(Instant::now() + ATTEMPT_TIMEOUT);
            record.outcome = match timeout_at(give_up, self.attempt(index)).await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::TimedOut,
            };
            record.refusals += u32::from(record.outcome == Outcome::Refused);
            let pause = BACKOFF.mul_f64(2_f64.powi(attempt as i32) * (0.5 + random.unit()));
            if record.outcome == Outcome::Served || Instant::now() + pause >= due + DEADLINE {
                break;
            }
            if attempt < RETRIES {
                sleep(pause).await;
            }
        }
        record.latency = due.elapsed();
        // An answer that arrives before the deadline and is read after it is late.
        if record.outcome == Outcome::Served && record.latency > DEADLINE {
            record.outcome = Outcome::TimedOut;
        }
        record
    }

    async fn attempt(&self, index: usize) -> Outcome {
        let Ok(request) = self.message(index) else { return Outcome::Broken };
        match self.connections.send(request).await {
            Ok(response) => judge(&response),
            Err(_) => Outcome::Broken,
        }
    }

    fn message(&self, index: usize) -> hyper::http::Result<Request<Empty<Bytes>>> {
        let arrival = &self.arrivals[index];
        let mut request = Request::get(&arrival.path)
            .header(hyper::header::HOST, "localhost")
            .header(header::TIER, arrival.tier.name())
            .header(header::USER, arrival.user)
            .header(header::REQUEST, index as u64);
        if let Some(status) = arrival.fails_with {
            request = request.header(header::FAIL, status);
        }
        request.body(Empty::new())
    }
}

fn judge(response: &Response<()>) -> Outcome {
    if response.headers().contains_key(header::SHED) {
        Outcome::Refused
    } else if response.status().is_success() {
        Outcome::Served
    } else {
        Outcome::Failed
    }
}

/// Keeps the backoff apart from the other uses of the seed.
const BACKOFF_STREAM: u64 = 0xb0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_failure_by_its_header() {
        let response = |status: u16, shed: bool| {
            let builder = Response::builder().status(status);
            let builder = if shed { builder.header(header::SHED, "saturated") } else { builder };
            builder.body(()).expect("a response")
        };
        assert_eq!(judge(&response(503, true)), Outcome::Refused);
        assert_eq!(judge(&response(503, false)), Outcome::Failed);
        assert_eq!(judge(&response(404, false)), Outcome::Failed);
        assert_eq!(judge(&response(200, false)), Outcome::Served);
    }
}
