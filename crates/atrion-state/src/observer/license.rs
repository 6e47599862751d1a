// SPDX-License-Identifier: Apache-2.0
//! How a license stands, as plain values: an observer needs to know nothing of licenses.

use std::sync::Arc;

use atrion_core::Wall;

/// How the license of an adapter stands. It stops nothing: it is for logs and gauges.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LicenseStanding {
    /// Names the license in use, never its key. `None` without one.
    pub id: Option<Arc<str>>,
    /// In one word.
    pub state: LicenseState,
    /// When it expires; `None` without one, or without an end.
    pub expires: Option<Wall>,
}

impl LicenseStanding {
    /// The standing of the license of that id.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>, state: LicenseState, expires: Option<Wall>) -> Self {
        Self { id: Some(id.into()), state, expires }
    }

    /// There is no license.
    #[must_use]
    pub const fn unlicensed() -> Self {
        Self { id: None, state: LicenseState::Unlicensed, expires: None }
    }
}

/// The standing of a license in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LicenseState {
    /// All is well.
    Active,
    /// It ends soon.
    Expiring,
    /// It has ended and still serves, for some days.
    Grace,
    /// It has ended.
    Expired,
    /// What was found is no license: a wrong signature, another product, a revoked key.
    Invalid,
    /// There is none.
    Unlicensed,
}

impl LicenseState {
    /// Every state, in the order in which they are drawn.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Expiring, Self::Grace, Self::Expired, Self::Invalid, Self::Unlicensed];

    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::Grace => "grace",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Unlicensed => "unlicensed",
        }
    }
}
