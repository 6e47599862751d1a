// SPDX-License-Identifier: Apache-2.0
//! An observer that keeps every event.

use std::sync::{Arc, Mutex};

use atrion_state::{Event, Observer, lock};

/// Keeps every event. Clones share one list, so a test keeps a clone and gives the other away.
#[derive(Debug, Clone, Default)]
pub struct RecordingObserver {
    events: Arc<Mutex<Vec<Event>>>,
}

impl RecordingObserver {
    /// An observer without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// The events since the last call of `take`, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *lock(&self.events))
    }

    /// How many events were of this kind.
    pub fn count(&self, kind: impl Fn(&Event) -> bool) -> usize {
        lock(&self.events).iter().filter(|event| kind(event)).count()
    }
}

impl Observer for RecordingObserver {
    fn on_event(&self, event: &Event) {
        lock(&self.events).push(event.clone());
    }
}
