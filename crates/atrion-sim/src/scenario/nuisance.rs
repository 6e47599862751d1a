// SPDX-License-Identifier: Apache-2.0
//! Requests beside the ordinary ones: slow uploads, long polls, watches, scanners, calls that hang.

use atrion_core::Tier;
use serde::{Deserialize, Serialize};

/// One client that holds what it is given. Its requests come evenly, and are not scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Nuisance {
    /// How important its requests are.
    pub tier: Tier,
    /// Requests per second.
    pub rate: f64,
    /// It has no more than this many in flight at once.
    pub connections: u32,
    /// How long each is in flight, once it was let in.
    pub holds: f64,
    /// Each takes a worker for that time; otherwise none.
    #[serde(default)]
    pub worker: bool,
    /// How they end.
    #[serde(default)]
    pub end: NuisanceEnd,
    /// From when on they come.
    #[serde(default)]
    pub from: f64,
    /// They come for so many seconds, then none come for as many, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<f64>,
}

/// How a request of a nuisance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum NuisanceEnd {
    /// With an answer.
    #[default]
    Answered,
    /// With an answer that says nothing of the callee's health.
    Ignored,
    /// With a failure.
    Failed,
    /// The client leaves.
    Left,
}

impl Nuisance {
    /// When the request after one at `at` comes, in seconds.
    pub(crate) fn after(&self, at: f64) -> f64 {
        let next = at + 1.0 / self.rate;
        match self.wave {
            Some(wave) if ((next - self.from) / wave) as u64 % 2 == 1 => {
                self.from + (((next - self.from) / wave).floor() + 1.0) * wave
            }
            _ => next,
        }
    }
}
