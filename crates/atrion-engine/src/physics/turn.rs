// SPDX-License-Identifier: Apache-2.0

/// Something that the request path has done to the breaker without waiting for a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[allow(clippy::exhaustive_enums)] // a closed set: a reader matches on both
pub enum Turn {
    /// A probe has closed it.
    Closed,
    /// A run of failures has opened it.
    Opened,
}
