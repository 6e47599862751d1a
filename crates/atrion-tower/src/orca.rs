// SPDX-License-Identifier: Apache-2.0
//! How loaded a service is, in the words of balancers: load reports of ORCA (*open request cost
//! aggregation*), which Envoy's and gRPC's weighted round robin read from responses.
//!
//! A report has the utilization (n + D) / N* of the gate that the whole service shares, the answers
//! and the failures a second. A balancer divides the second by the first, which is what this
//! service could answer, and gives it that share of the requests.
//!
//! A report is made ten times a second, by the response that finds it due and without waiting for
//! anything; the others carry it.

use std::fmt;
use std::sync::RwLock;
use std::time::Duration;

use atrion_core::Mono;
use atrion_engine::{Route, RouteSnapshot};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use crate::{grpc, header};

/// How often a report is made.
const EVERY: Duration = Duration::from_millis(100);
/// The time constant of what is reported: a balancer takes new weights about once a second.
const SMOOTH: f64 = 1.0;
/// A target of more requests means that none is known.
const UNKNOWN: f64 = 1e6;

/// The reports of one gate.
pub(crate) struct Orca {
    gate: Route,
    /// Nobody waits for this lock: where it is taken, a response goes without a report.
    latest: RwLock<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    load: Load,
    seen: Option<Seen>,
    report: Option<Report>,
}

/// A report in its two forms.
#[derive(Debug, Clone)]
struct Report {
    text: HeaderValue,
    binary: HeaderValue,
}

/// What a gate has counted up to a moment, and what it stands at.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Mono,
    answered: u64,
    failed: u64,
    utilization: f64,
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Load {
    utilization: f64,
    /// Answers a second, failures among them.
    rate: f64,
    /// Failures a second.
    failures: f64,
}

impl Orca {
    pub(crate) fn new(gate: Route) -> Self {
        Self { gate, latest: RwLock::default() }
    }

    /// Puts the report into the head of a response. The head of a gRPC response is its trailers
    /// where nothing follows.
    pub(crate) fn tell_head(&self, headers: &mut HeaderMap) {
        if grpc::has_trailers(headers) {
            self.tell_trailers(headers);
        } else if let Some(Report { text, .. }) = self.report() {
            headers.insert(header::LOAD, text);
        }
    }

    /// Puts the report into the trailers of a gRPC response.
    pub(crate) fn tell_trailers(&self, trailers: &mut HeaderMap) {
        if let Some(Report { binary, .. }) = self.report() {
            trailers.insert(header::LOAD_BINARY, binary);
        }
    }

    /// The report of the moment; `None` while nothing is known, and now and then while one is made.
    fn report(&self) -> Option<Report> {
        let now = self.gate.now();
        {
            let latest = self.latest.try_read().ok()?;
            if latest.seen.is_some_and(|seen| now.since(seen.at) < EVERY) {
                return latest.report.clone();
            }
        }
        let mut latest = self.latest.try_write().ok()?;
        if let Some(snapshot) = self.gate.try_snapshot() {
            latest.see(Seen::of(&snapshot, now));
        }
        latest.report.clone()
    }
}

impl Latest {
    fn see(&mut self, seen: Seen) {
        if let Some(before) = self.seen.filter(|before| before.at < seen.at) {
            self.load = self.load.step(before, seen);
        }
        self.seen = Some(seen);
        self.report = Report::of(self.load);
    }
}

impl Seen {
    fn of(snapshot: &RouteSnapshot, at: Mono) -> Self {
        let counts = &snapshot.counts;
        let known = snapshot.target > 0.0 && snapshot.target < UNKNOWN;
        let occupied = snapshot.in_flight as f64 + snapshot.debt.max(0.0);
        Self {
            at,
            answered: counts.succeeded() + counts.failed() + counts.ignored(),
            failed: counts.failed(),
            utilization: if known { occupied / snapshot.target } else { 0.0 },
        }
    }
}

impl Load {
    /// All three over the same time, so that the quotient of two is that of one time.
    fn step(self, before: Seen, now: Seen) -> Self {
        let passed = now.at.since(before.at).as_secs_f64();
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / passed;
        let weight = passed / (passed + SMOOTH);
        let toward = |old: f64, new: f64| old + (new - old) * weight;
        Self {
            utilization: toward(self.utilization, now.utilization),
            rate: toward(self.rate, rate(before.answered, now.answered)),
            failures: toward(self.failures, rate(before.failed, now.failed)),
        }
    }
}

impl Report {
    /// `None`: a balancer divides by the utilization, and refuses a report without a rate.
    fn of(load: Load) -> Option<Self> {
        let Load { utilization, rate, failures } = load;
        if !(utilization >= 1e-3 && rate >= 1e-3) {
            return None;
        }
        let text = format!(
            "TEXT application_utilization={utilization:.3},rps_fractional={rate:.3},eps={failures:.3}"
        );
        let binary = STANDARD.encode(written(load));
        Some(Self { text: text.try_into().ok()?, binary: binary.try_into().ok()? })
    }
}

/// `xds.data.orca.v3.OrcaLoadReport`: three fields of eight bytes, each behind its number and kind.
fn written(load: Load) -> [u8; 27] {
    const DOUBLE: u8 = 1;
    let mut bytes = [0; 27];
    let fields = [(6, load.rate), (7, load.failures), (9, load.utilization)];
    for (place, (field, value)) in bytes.chunks_exact_mut(9).zip(fields) {
        place[0] = field << 3 | DOUBLE;
        place[1..].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

impl fmt::Debug for Orca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orca").field("gate", self.gate.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(millis: u64, answered: u64, utilization: f64) -> Seen {
        Seen { at: Mono::from_nanos(millis * 1_000_000), answered, failed: answered / 10, utilization }
    }

    #[test]
    fn what_is_steady_is_reported_as_it_is() {
        let mut latest = Latest::default();
        for tick in 0..200 {
            latest.see(seen(tick * 100, tick * 20, 0.5));
        }
        let Load { utilization, rate, failures } = latest.load;
        assert!((utilization - 0.5).abs() < 1e-3 && (rate - 200.0).abs() < 0.1, "{:?}", latest.load);
        assert!((failures - 20.0).abs() < 0.1, "{failures}");
        // What it could answer: 200 / 0.5.
        assert!((rate / utilization - 400.0).abs() < 1.0);
    }

    #[test]
    fn a_report_has_the_form_of_its_two_kinds() {
        let report = Report::of(Load { utilization: 0.5, rate: 200.0, failures: 1.25 }).unwrap();
        assert_eq!(report.text, "TEXT application_utilization=0.500,rps_fractional=200.000,eps=1.250");
        // As protoc encodes rps_fractional: 200, eps: 1.25, application_utilization: 0.5.
        let wire = b"\x31\0\0\0\0\0\0\x69\x40\x39\0\0\0\0\0\0\xf4\x3f\x49\0\0\0\0\0\0\xe0\x3f";
        assert_eq!(STANDARD.decode(report.binary).unwrap(), wire);
    }

    #[test]
    fn nothing_is_reported_while_nothing_is_known() {
        for (utilization, rate) in [(0.0, 100.0), (0.5, 0.0), (0.0, 0.0), (f64::NAN, 1.0)] {
            let load = Load { utilization, rate, failures: 0.0 };
            assert!(Report::of(load).is_none(), "{load:?}");
        }
        let mut latest = Latest::default();
        latest.see(seen(0, 0, 0.5));
        latest.see(seen(0, 100, 0.5));
        assert!(latest.report.is_none(), "no time has passed");
    }
}
