// SPDX-License-Identifier: Apache-2.0
//! OpenTelemetry: instruments, refusals in traces, priority in baggage.

pub use atrion_otel::{Builder, INSTRUMENTS, Instrument, Kind, Telemetry, baggage, mark_span, most_series};
