// SPDX-License-Identifier: Apache-2.0
//! What is asked of a plant: arrivals, tiers, users, retries.

use atrion_core::Tier;
use serde::{Deserialize, Serialize};

use super::{one, yes};

/// Arrivals: Poisson, or bursts of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct LoadSpec {
    /// In units of the plant's first capacity. Either this or `rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Shares of the tiers, the most important first.
    #[serde(default = "ordinary")]
    pub tiers: [f64; 5],
    /// How many users send them; a tenth of them sends half.
    #[serde(default = "five_hundred")]
    pub users: u32,
    /// Mean number of requests that come at the same moment.
    #[serde(default = "one")]
    pub burst: f64,
    /// All requests of this many seconds come at once, at the end of them: timers, batches,
    /// pollers. Left out: at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lattice: Option<f64>,
    /// A rate that swings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Wave>,
    /// Clients that try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// Arrival times of an access log instead of Poisson: seconds since its first line, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<f64>,
    /// Their tiers, where a recording knows them: as many, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded_tiers: Vec<Tier>,
}

impl Default for LoadSpec {
    /// No load, from ordinary users.
    fn default() -> Self {
        Self {
            load: None,
            rate: None,
            tiers: ORDINARY,
            users: five_hundred(),
            burst: 1.0,
            lattice: None,
            wave: None,
            retries: None,
            recorded: Vec::new(),
            recorded_tiers: Vec::new(),
        }
    }
}

/// The rate is multiplied with `1 + amplitude sin(2 pi t / period)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Wave {
    /// Seconds from crest to crest.
    pub period: f64,
    /// 0..=1.
    pub amplitude: f64,
}

/// What a client does after a failure, a refusal or an answer that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Retries {
    /// Attempts in all.
    pub attempts: u32,
    /// Mean pause before the second attempt; it doubles from attempt to attempt and is jittered by
    /// half.
    pub backoff: f64,
    /// Whether refusals are tried again, too.
    #[serde(default = "yes")]
    pub refused: bool,
}

fn five_hundred() -> u32 {
    500
}

fn ordinary() -> [f64; 5] {
    ORDINARY
}

/// Shares of the tiers in ordinary traffic.
pub(crate) const ORDINARY: [f64; 5] = [0.1, 0.2, 0.4, 0.2, 0.1];
