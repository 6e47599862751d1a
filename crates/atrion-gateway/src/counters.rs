// SPDX-License-Identifier: Apache-2.0
//! What the gateway counts beside its gates.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};

use crate::tokens::Disbelief;
use crate::upstream::ForwardError;

/// The instruments. Prometheus sees `atrion.gateway.errors` as `atrion_gateway_errors_total`.
pub(crate) struct Counters {
    /// Connections of clients that are open.
    connections: UpDownCounter<i64>,
    /// Connections that ended before a request, by reason.
    refused_connections: Counter<u64>,
    /// Requests that were not passed on, by status.
    unacceptable: Counter<u64>,
    /// Tokens that were not believed, by reason.
    disbelieved: Counter<u64>,
    /// Requests without an answer, by upstream, stage and kind.
    errors: Counter<u64>,
    /// Configurations read anew, by result.
    reloads: Counter<u64>,
    /// Lines of the access log that were lost.
    lost_lines: Counter<u64>,
}

impl Counters {
    pub(crate) const HANDSHAKE: &str = "handshake";
    pub(crate) const SLOW: &str = "slow";
    pub(crate) const ACCEPT: &str = "accept";

    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |name, what| meter.u64_counter(name).with_description(what).build();
        Self {
            connections: meter
                .i64_up_down_counter("atrion.gateway.connections")
                .with_description("Connections of clients that are open")
                .build(),
            refused_connections: counter(
                "atrion.gateway.refused_connections",
                "Connections that ended before a request, by reason",
            ),
            unacceptable: counter(
                "atrion.gateway.unacceptable",
                "Requests that were not passed on for what they are, by status",
            ),
            disbelieved: counter(
                "atrion.gateway.disbelieved_tokens",
                "Tokens of requests that were not believed, by reason",
            ),
            errors: counter(
                "atrion.gateway.errors",
                "Requests without an answer of the service, by upstream, stage and kind",
            ),
            reloads: counter("atrion.gateway.reloads", "Configurations read anew, by result"),
            lost_lines: counter("atrion.gateway.lost_lines", "Lines of the access log that were lost"),
        }
    }

    pub(crate) fn connection(&self, change: i64) {
        self.connections.add(change, &[]);
    }

    pub(crate) fn refuse_connection(&self, reason: &'static str) {
        self.refused_connections.add(1, &[KeyValue::new("reason", reason)]);
    }

    pub(crate) fn unacceptable(&self, status: u16) {
        self.unacceptable.add(1, &[KeyValue::new("status", i64::from(status))]);
    }

    pub(crate) fn disbelieve(&self, why: Disbelief) {
        self.disbelieved.add(1, &[KeyValue::new("reason", why.as_str())]);
    }

    pub(crate) fn error(&self, upstream: &str, error: &ForwardError) {
        let kind = if error.is_timeout() { "timeout" } else { "failure" };
        let labels = [
            KeyValue::new("upstream", upstream.to_owned()),
            KeyValue::new("stage", error.stage().as_str()),
            KeyValue::new("kind", kind),
        ];
        self.errors.add(1, &labels);
    }

    pub(crate) fn reload(&self, result: &'static str) {
        self.reloads.add(1, &[KeyValue::new("result", result)]);
    }

    pub(crate) fn lost_line(&self) {
        self.lost_lines.add(1, &[]);
    }
}
