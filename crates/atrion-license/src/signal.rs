// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What there is to say about a license, as values. The caller of the [`Keeper`](crate::Keeper)
//! logs them.

use std::fmt;

use crate::UnixTime;

/// One line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signal {
    /// How loud.
    pub level: Level,
    /// What it is about.
    pub topic: Topic,
    /// The whole line: what is, why, and what mends it.
    pub message: String,
    /// When it is due again if nothing changes; `None` is not again.
    pub next: Option<UnixTime>,
    /// While this is the same, the condition is the same, and the signal is a repetition.
    pub(crate) about: String,
    /// Which keeper of the process gives it.
    pub(crate) keeper: u64,
    /// When it was given.
    pub(crate) at: UnixTime,
}

/// How loud a signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Good to know.
    Info,
    /// Something to do within days.
    Warn,
    /// Something to do now.
    Error,
}

/// What a signal is about. Each topic has its own rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// There is a license, and this is it: once.
    Licensed,
    /// It expires within 30 days: daily; within 7: hourly.
    Expiring,
    /// It expired and is in its days of grace: hourly.
    Grace,
    /// Its days of grace are over: hourly.
    Expired,
    /// The clock and the license contradict each other: daily.
    Clock,
    /// It is for non-production use: once.
    NonProduction,
    /// It was signed with the development key: once.
    DevelopmentKey,
    /// Every user of the machine may read its file: once.
    WorldReadable,
    /// There is none: hourly.
    Unlicensed,
    /// There is one, and a key that was read since is refused: hourly.
    RenewalRefused,
    /// More clusters use it than it allows: hourly.
    ClusterLimit,
}

impl Topic {
    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Licensed => "licensed",
            Self::Expiring => "expiring",
            Self::Grace => "grace",
            Self::Expired => "expired",
            Self::Clock => "clock",
            Self::NonProduction => "non_production",
            Self::DevelopmentKey => "development_key",
            Self::WorldReadable => "world_readable",
            Self::Unlicensed => "unlicensed",
            Self::RenewalRefused => "renewal_refused",
            Self::ClusterLimit => "cluster_limit",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
