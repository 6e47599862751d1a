// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What was before this process began, and on other nodes: a port, so that the page knows nothing of the store behind it.
//!
//! A history is nice to have. Whatever becomes of a question to it, live events go on.

use std::time::Duration;

use atrion_core::{Mode, Wall};
use atrion_state::BoxFuture;

/// Remembers changes of modes, of all nodes and over restarts.
pub trait History: Send + Sync + 'static {
    /// What the page calls it: `postgres`.
    fn name(&self) -> &str;

    /// Changes of modes, the latest first: at most [`Wanted::rows`], and where to go on.
    ///
    /// Asked by Studio's own tasks when a browser wants to know, never on a request's path: two questions at a time, and
    /// each is dropped after eight seconds. Dropping it must leave nothing behind; asking again must be safe.
    ///
    /// # Errors
    /// [`HistoryError`], in words for whoever looks at the page: without addresses that hold a password.
    fn changes(&self, wanted: Wanted) -> BoxFuture<'_, Result<Changes, HistoryError>>;
}

/// What is asked of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Wanted {
    /// From so long ago until now.
    pub span: Duration,
    /// Of this route alone.
    pub route: Option<String>,
    /// At most so many, 1..=1,000.
    pub rows: u16,
    /// Those after this place, one that an earlier answer to the same question gave as [`Changes::next`].
    pub after: Option<String>,
}

/// Some changes, and where to go on.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data that histories make
pub struct Changes {
    /// The latest first.
    pub rows: Vec<Change>,
    /// `None` if these were the last.
    pub next: Option<String>,
}

/// A route changed its mode on a node.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data that histories make
pub struct Change {
    /// The route.
    pub route: String,
    /// The node.
    pub node: String,
    /// When.
    pub at: Wall,
    /// What it did before.
    pub from: Mode,
    /// What it did from then on.
    pub to: Mode,
    /// Its own scar at that moment, in ohms.
    pub scar: f64,
    /// The scar that its gate used because of the fleet, in ohms; `None` where it used its own.
    pub merged: Option<f64>,
    /// Its resistance at that moment, in ohms.
    pub resistance: f64,
}

/// Why a history says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The place to go on from is none that it gave.
    #[error("{0}")]
    Place(String),
    /// The store does not answer, or refuses to.
    #[error("{0}")]
    Store(String),
}
