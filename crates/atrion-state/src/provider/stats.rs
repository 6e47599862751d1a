// SPDX-License-Identifier: Apache-2.0
//! What a store's adapter has counted, as plain data for gauges and people.

use std::time::Duration;

use super::Health;
use crate::LicenseStanding;

/// One store at one moment. Counts run since the adapter was made and never go back.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProviderStats {
    /// The store's name, as in [`Capabilities::name`](super::Capabilities::name). A provider with
    /// several layers gives one entry for each, each with a name of its own.
    pub provider: &'static str,
    /// How it is.
    pub health: Health,
    /// How far the store lies behind this node: the age of the oldest change that it has not taken
    /// yet, zero if it has them all. `None` where that is not known. Written in seconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds_option"))]
    pub lag: Option<Duration>,
    /// Other nodes that are heard through this store; `None` where nodes do not hear each other.
    pub nodes: Option<NodeCount>,
    /// Messages so far, at most one entry for each combination.
    pub messages: Vec<MessageCount>,
    /// How the license stands; `None` where none is needed.
    pub license: Option<LicenseStanding>,
}

/// How many other nodes are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[allow(clippy::exhaustive_structs)] // plain data: both numbers are all there is
pub struct NodeCount {
    /// Heard lately: what they said counts in full.
    pub live: usize,
    /// Silent for a while: what they said counts less and less.
    pub fading: usize,
}

/// How many messages went one way and ended one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MessageCount {
    /// Which way.
    pub direction: MessageDirection,
    /// How it ended.
    pub result: MessageResult,
    /// Why a message was rejected: one of a few fixed words with underscores, such as `checksum` or
    /// `too_long`.
    pub reason: Option<&'static str>,
    /// How many.
    pub count: u64,
}

/// Which way a message went, seen from this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MessageDirection {
    /// To the store or to other nodes.
    Sent,
    /// From the store or from other nodes.
    Received,
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MessageResult {
    /// It was taken.
    Accepted,
    /// It was whole and said nothing new.
    Stale,
    /// It was refused: garbled, of another version, too long.
    Rejected,
}

impl ProviderStats {
    /// A store that is up, without any other figures.
    #[must_use]
    pub fn new(provider: &'static str) -> Self {
        Self { provider, health: Health::Up, lag: None, nodes: None, messages: Vec::new(), license: None }
    }

    /// Sets how the store is.
    #[must_use]
    pub fn health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Sets how far the store lies behind.
    #[must_use]
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = Some(lag);
        self
    }

    /// Sets how many other nodes are heard.
    #[must_use]
    pub fn nodes(mut self, live: usize, fading: usize) -> Self {
        self.nodes = Some(NodeCount { live, fading });
        self
    }

    /// Adds messages that were accepted or stale.
    #[must_use]
    pub fn messages(self, direction: MessageDirection, result: MessageResult, count: u64) -> Self {
        self.push(MessageCount { direction, result, reason: None, count })
    }

    /// Adds messages that were rejected for this reason.
    #[must_use]
    pub fn rejected(self, direction: MessageDirection, reason: &'static str, count: u64) -> Self {
        let result = MessageResult::Rejected;
        self.push(MessageCount { direction, result, reason: Some(reason), count })
    }

    /// Sets how the license stands.
    #[must_use]
    pub fn license(mut self, license: LicenseStanding) -> Self {
        self.license = Some(license);
        self
    }

    fn push(mut self, counted: MessageCount) -> Self {
        self.messages.push(counted);
        self
    }
}

impl MessageDirection {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

impl MessageResult {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Stale => "stale",
            Self::Rejected => "rejected",
        }
    }
}
