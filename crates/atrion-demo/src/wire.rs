// SPDX-License-Identifier: Apache-2.0
//! The messages between the demo and the service, its child process: one JSON value per line.
//!
//! The service stops at the end of its standard input, so it never outlives the demo, however that
//! ends.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::traffic::RouteSpec;

/// From the demo to the service. The first line is `Start`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    Start(ServiceSpec),
    Weather(Weather),
}

/// The service to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceSpec {
    pub(crate) workers: usize,
    pub(crate) routes: Vec<RouteSpec>,
    /// Whether Atrion protects the routes.
    pub(crate) protected: bool,
    pub(crate) seed: u64,
    /// Whether it is the service in Python, and the guard the gateway.
    #[serde(default)]
    pub(crate) gateway: bool,
    /// The file that records the guard.
    #[serde(default)]
    pub(crate) record: Option<PathBuf>,
}

/// The fault of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Weather {
    Fair,
    /// Every second worker is several times slower, without an error.
    Gray,
    /// The dependency hangs.
    Outage,
}

/// From the service to the demo.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum News {
    /// Listening on this port of the loopback address.
    Ready {
        port: u16,
        /// The address of a dashboard beside the service, if there is one.
        #[serde(default)]
        dashboard: Option<String>,
    },
    Tick(Tick),
}

/// The state of the service at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tick {
    /// Seconds since the service started.
    pub(crate) at_s: f64,
    /// Jobs that wait for a worker.
    pub(crate) queued: usize,
    /// Jobs that a worker is doing.
    pub(crate) busy: usize,
    /// The state of each guarded route; empty without a guard.
    pub(crate) routes: Vec<RouteTick>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RouteTick {
    pub(crate) route: String,
    pub(crate) mode: String,
    pub(crate) resistance_ohm: f64,
    pub(crate) scar_ohm: f64,
    pub(crate) staleness_ohm: f64,
    pub(crate) in_flight: u64,
    /// D, in requests.
    pub(crate) debt: f64,
    /// N*, the target of the in-flight count.
    pub(crate) limit: f64,
    /// L and L0.
    pub(crate) latency_s: f64,
    pub(crate) baseline_s: f64,
    /// X, successes per second.
    pub(crate) throughput: f64,
    pub(crate) error_share: f64,
}

/// Headers between the clients and the service.
pub(crate) mod header {
    /// The tier of the caller. Trusted, because only the demo can reach the service.
    pub(crate) const TIER: &str = "x-atrion-tier";
    /// The caller.
    pub(crate) const USER: &str = "x-demo-user";
    /// The number of the request. Its work is drawn from it.
    pub(crate) const REQUEST: &str = "x-demo-request";
    /// A status of 500 or above with which a worker answers after its work.
    pub(crate) const FAIL: &str = "x-demo-fail";
    /// Set on every refusal by the guard, and on no other answer.
    pub(crate) const SHED: &str = "x-atrion-shed";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_survive_the_wire() {
        let json = serde_json::to_string(&Order::Weather(Weather::Gray)).expect("serialises");
        assert_eq!(json, r#"{"weather":"gray"}"#);
        assert!(matches!(serde_json::from_str(&json), Ok(Order::Weather(Weather::Gray))));
    }
}
