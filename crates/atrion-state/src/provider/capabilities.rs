// SPDX-License-Identifier: Apache-2.0
//! What an adapter says about itself.

use std::sync::Arc;
use std::time::Duration;

/// What a provider can do. Callers and the contract suite read it instead of knowing adapters by
/// name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// A stable lower-case name for logs and metrics: `memory`, `redis`, `postgres`.
    pub name: &'static str,
    /// What is stored survives the end of the process.
    pub durable: bool,
    /// Other nodes see what is stored, and `view` shows theirs.
    pub shared: bool,
    /// `subscribe` gives a feed.
    pub subscribes: bool,
    /// An update returns when it is accepted, before it is stored.
    pub buffered: bool,
    /// The longest batch, >= 1.
    pub batch_limit: usize,
    /// How long at least vectors are collected between two writes, with a fifth more or less; none
    /// by default.
    pub write_interval: Duration,
}

impl Capabilities {
    /// The least a provider can be: local, forgetful, silent, with batches of up to 1,000.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            durable: false,
            shared: false,
            subscribes: false,
            buffered: false,
            batch_limit: 1_000,
            write_interval: Duration::ZERO,
        }
    }

    /// Says whether what is stored survives the process.
    #[must_use]
    pub const fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Says whether other nodes share the store.
    #[must_use]
    pub const fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Says whether there is a feed of changes.
    #[must_use]
    pub const fn subscribes(mut self, subscribes: bool) -> Self {
        self.subscribes = subscribes;
        self
    }

    /// Says whether updates return before they are stored.
    #[must_use]
    pub const fn buffered(mut self, buffered: bool) -> Self {
        self.buffered = buffered;
        self
    }

    /// Sets the longest batch; 0 counts as 1.
    #[must_use]
    pub const fn batch_limit(mut self, limit: usize) -> Self {
        self.batch_limit = if limit == 0 { 1 } else { limit };
        self
    }

    /// Sets how long vectors are collected between two writes.
    #[must_use]
    pub const fn write_interval(mut self, interval: Duration) -> Self {
        self.write_interval = interval;
        self
    }
}

/// What a store asks for, beside the vectors that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::exhaustive_enums)] // a caller that does not know a demand would not meet it
pub enum Demand {
    /// Nothing: it is written to when vectors have changed.
    #[default]
    Nothing,
    /// A write at once, if need be of no vectors: something of its own is due.
    Write,
    /// No call, for example without a license. What changes waits, and that is no failure.
    Rest,
}

/// How a provider is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "state", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Health {
    /// Not connected, by choice.
    Disconnected,
    /// All is well.
    #[default]
    Up,
    /// It answers from what it remembers and tries to reach its store again.
    Degraded {
        /// Why, in words for a person.
        reason: Arc<str>,
    },
}

impl Health {
    /// Whether all is well.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }
}
