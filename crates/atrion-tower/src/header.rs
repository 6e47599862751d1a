// SPDX-License-Identifier: Apache-2.0
//! The headers that Atrion reads and writes. None of them is read unless the layer is told to trust
//! it.

use http::HeaderName;

/// Begins the names that are Atrion's own.
pub(crate) const PREFIX: &str = "x-atrion-";

/// The importance of a request: `critical`, `high`, `normal`, `low` or `bulk`.
pub const TIER: HeaderName = HeaderName::from_static("x-atrion-tier");

/// The importance of a request on the voltage ladder, a decimal number of volts.
pub const VOLTAGE: HeaderName = HeaderName::from_static("x-atrion-voltage");

/// How long the caller still waits for the answer, in whole milliseconds.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-atrion-deadline-ms");

/// What the request costs, a decimal number of units above 0.
pub const COST: HeaderName = HeaderName::from_static("x-atrion-cost");

/// On every refusal: the reason, or `1` where the reason is not told. It tells the middleware of
/// the caller that nothing has been done and that the service is alive.
pub const SHED: HeaderName = HeaderName::from_static("x-atrion-shed");

/// On every response of a layer that shows its decisions: `shed` if this layer or one further in
/// has refused the request, `admitted` otherwise.
pub const DECISION: HeaderName = HeaderName::from_static("x-atrion-decision");

/// The load report of a layer that tells balancers how loaded its service is
/// ([`AdmissionLayer::orca`](crate::AdmissionLayer::orca)), as text.
pub const LOAD: HeaderName = HeaderName::from_static("endpoint-load-metrics");

/// The same of a gRPC response, in its trailers and in the form of gRPC.
pub const LOAD_BINARY: HeaderName = HeaderName::from_static("endpoint-load-metrics-bin");

pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const GRPC_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
