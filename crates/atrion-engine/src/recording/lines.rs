// SPDX-License-Identifier: Apache-2.0
//! The lines of a recording's file, as `manual/replay.md` describes them: a header, and then a JSON
//! object with one key a line. The same types are written and read.

use std::time::Duration;

use atrion_core::{Reason, Tier, Wall};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PulseRecord, Start};

/// The version of the form. An older one is read, with what it does not have left at nothing: 2 has
/// what a window knows of overtaken calls, of answers that say nothing of health and of refusals; 3
/// has what its calls cost beyond one unit each; 4 has the application's own signals; 5 has what a fleet
/// left to the node of a callee that is one for all.
pub(super) const VERSION: u64 = 5;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) atrion_recording: u64,
    /// The version of the engine.
    #[serde(default)]
    pub(super) engine: String,
    pub(super) route: String,
    pub(super) interval_ns: u64,
    pub(super) started_ms: u64,
    /// What the places of lists by tier mean.
    #[serde(default)]
    pub(super) tiers: Vec<String>,
    #[serde(default)]
    pub(super) reasons: Vec<String>,
}

impl Header {
    pub(super) fn new(route: &str, interval: Duration, wall: Wall) -> Self {
        Self {
            atrion_recording: VERSION,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            route: route.to_owned(),
            interval_ns: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX),
            started_ms: wall.as_millis(),
            tiers: Tier::ALL.map(|tier| tier.as_str().to_owned()).into(),
            reasons: Reason::ALL.map(|reason| reason.as_str().to_owned()).into(),
        }
    }
}

/// Every other line, as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Start(Box<Start>),
    Pulse(Box<PulseRecord>),
    End(EndLine),
}

/// The last one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndLine {
    pub(super) why: String,
    #[serde(default)]
    pub(super) pulses: u64,
}

/// The same as it is read: a configuration may be of a version that knows more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadLine {
    Start(ReadStart),
    Pulse(Box<PulseRecord>),
    End(EndLine),
}

#[derive(Debug, Deserialize)]
pub(super) struct ReadStart {
    pub(super) at_ns: u64,
    pub(super) config: Value,
    pub(super) state: super::RouteState,
    #[serde(default)]
    pub(super) lost: u64,
}
