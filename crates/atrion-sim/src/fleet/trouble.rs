// SPDX-License-Identifier: Apache-2.0
//! What goes wrong in a fleet, and what becomes of a call meanwhile.

use std::fmt;
use std::str::FromStr;

use super::{Cut, LEARNING, TROUBLE};

/// What is sick, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)] // an addition has to say what it shows
pub enum Trouble {
    /// The dependency that all nodes share refuses every call at once.
    Outage,
    /// It fails seven calls of ten: no breaker opens, the graded gate decides.
    BrownOut,
    /// It does not answer; callers give up after a second.
    Hanging,
    /// An outage in which every second pair of nodes cannot reach the store.
    Split,
    /// One busy node fails every call, by its own disk; all others are well.
    Lone,
    /// One busy node fails seven calls of ten; all others are well.
    LoneBrownOut,
}

/// What becomes of a call that is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    Failed,
    Hung,
}

impl Trouble {
    /// Every one of them, the shared ones first.
    pub const ALL: [Self; 6] =
        [Self::Outage, Self::BrownOut, Self::Hanging, Self::Split, Self::Lone, Self::LoneBrownOut];

    /// Whether one node alone is sick.
    #[must_use]
    pub const fn is_lone(self) -> bool {
        matches!(self, Self::Lone | Self::LoneBrownOut)
    }

    /// A stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::BrownOut => "brown-out",
            Self::Hanging => "hanging",
            Self::Split => "split",
            Self::Lone => "lone",
            Self::LoneBrownOut => "lone-brown-out",
        }
    }

    /// What it is, in a line.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Outage => "the shared dependency refuses every call",
            Self::BrownOut => "the shared dependency fails 7 calls of 10",
            Self::Hanging => "the shared dependency does not answer",
            Self::Split => "an outage, and half of the nodes are cut off from the store",
            Self::Lone => "one busy node fails every call, all others are well",
            Self::LoneBrownOut => "one busy node fails 7 calls of 10, all others are well",
        }
    }

    /// What becomes of a call of `node` at `seconds`, with its own luck in 0..1.
    pub(super) fn fate(self, node: usize, seconds: f64, luck: f64) -> Fate {
        let is_on = (LEARNING..LEARNING + TROUBLE).contains(&seconds);
        if !is_on || (self.is_lone() && node != SICK) || luck >= self.share() {
            Fate::Answered
        } else if self == Self::Hanging {
            Fate::Hung
        } else {
            Fate::Failed
        }
    }

    /// Whether a node is sick while the trouble lasts.
    pub(super) const fn strikes(self, node: usize) -> bool {
        !self.is_lone() || node == SICK
    }

    /// The network that belongs to it.
    pub(super) fn cut(self) -> Option<Cut> {
        // From before, so that what was said in health has faded when it begins.
        (self == Self::Split).then_some(Cut { share: 0.5, from: LEARNING - 15.0, to: LEARNING + TROUBLE })
    }

    const fn share(self) -> f64 {
        match self {
            Self::BrownOut | Self::LoneBrownOut => 0.7,
            Self::Outage | Self::Hanging | Self::Split | Self::Lone => 1.0,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Trouble {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|trouble| trouble.as_str() == name);
        named.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|trouble| trouble.as_str()).collect();
            format!("no trouble {name:?}: it is one of {}", names.join(", "))
        })
    }
}

/// The one that is sick alone: a busy one.
pub(super) const SICK: usize = 0;
