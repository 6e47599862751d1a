// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What was before this process began, and on other nodes: a port, so that the page does not know
//! the store behind it.
//!
//! A history is optional. Live events go on, however a question to it ends.

use std::time::Duration;

use atrion_core::{Mode, Wall};
use atrion_state::BoxFuture;

/// Keeps changes of modes, of all nodes and over restarts.
pub trait History: Send + Sync + 'static {
    /// Its name on the page: `postgres`.
    fn name(&self) -> &str;

    /// Changes of modes, the latest first: at most [`Wanted::rows`], and where to go on.
    ///
    /// Studio's own tasks call this for a browser, never on a request's path: two calls at a time,
    /// and each is dropped after eight seconds. A dropped call must leave nothing behind, and
    /// repeating one must be safe.
    ///
    /// # Errors
    /// [`HistoryError`], in words for the page: without addresses that hold a password.
    fn changes(&self, wanted: Wanted) -> BoxFuture<'_, Result<ModeChanges, HistoryError>>;
}

/// A question to a history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Wanted {
    /// From this long ago until now.
    pub span: Duration,
    /// Of this route only.
    pub route: Option<String>,
    /// The most rows, 1..=1,000.
    pub rows: u16,
    /// Only rows after this place, which an earlier answer to the same question gave as
    /// [`ModeChanges::next`].
    pub after: Option<String>,
}

/// Some changes, and where to go on.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data that histories make
pub struct ModeChanges {
    /// The latest first.
    pub rows: Vec<ModeChange>,
    /// Where to go on; `None` if these were the last.
    pub next: Option<String>,
}

/// A route changed its mode on a node.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data that histories make
pub struct ModeChange {
    /// The route.
    pub route: String,
    /// The node.
    pub node: String,
    /// When.
    pub at: Wall,
    /// The mode before.
    pub from: Mode,
    /// The mode from then on.
    pub to: Mode,
    /// Its own scar at that moment, in ohms.
    pub scar: f64,
    /// The scar that its gate used because of the fleet, in ohms; `None` where the gate used its
    /// own.
    pub merged: Option<f64>,
    /// Its resistance at that moment, in ohms.
    pub resistance: f64,
}

/// Why a history gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The place to go on from is not one that it gave.
    #[error("{0}")]
    Place(String),
    /// The store does not answer, or refuses.
    #[error("{0}")]
    Store(String),
}
