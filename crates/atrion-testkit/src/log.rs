// SPDX-License-Identifier: Apache-2.0
//! What Atrion writes to `tracing`.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use atrion_state::lock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{self, DefaultGuard};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the events of the target `atrion` from `INFO` upward, each as one line: its name, then
/// ` field=value` for every field.
///
/// ```
/// let lines = atrion_testkit::Lines::default();
/// let _kept = lines.keep();
/// tracing::warn!(name: "atrion.route.unmatched", target: "atrion", requests = 20);
/// assert_eq!(lines.take(), ["atrion.route.unmatched requests=20"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Keeps what the current thread writes, until the guard is dropped.
    #[must_use]
    pub fn keep(&self) -> DefaultGuard {
        subscriber::set_default(self.clone())
    }

    /// The lines since this was last called, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "atrion" && metadata.is_event() && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().name().to_owned());
        event.record(&mut line);
        lock(&self.0).push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A string takes all that is written into it.
        let _ = write!(self.0, " {field}={value:?}");
    }
}
