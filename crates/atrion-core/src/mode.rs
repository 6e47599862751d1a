// SPDX-License-Identifier: Apache-2.0
//! The three modes of a route. The laws decide between them; nothing here does.

use core::fmt;

/// What a route is doing. `manual/physics.md` section 3.6 gives the transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[allow(clippy::exhaustive_enums)] // three modes are part of the law; a fourth would be another law
pub enum Mode {
    /// Learning: too little is known to be strict.
    #[default]
    Bootstrap,
    /// The law `V > R` decides.
    Operational,
    /// Only probes pass, until one of them succeeds.
    CircuitBreaker,
}

impl Mode {
    /// Every mode, in the order of a route's life.
    pub const ALL: [Self; 3] = [Self::Bootstrap, Self::Operational, Self::CircuitBreaker];

    /// A stable lower-case name for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Operational => "operational",
            Self::CircuitBreaker => "circuit_breaker",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
