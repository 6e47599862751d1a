// SPDX-License-Identifier: Apache-2.0
//! An observer that keeps what it hears.

use std::sync::{Arc, Mutex, MutexGuard};

use atrion_state::{Event, Observer, lock};

/// Keeps every event. Clones share one list, so a test keeps a clone and gives the other away.
#[derive(Debug, Clone, Default)]
pub struct RecordingObserver {
    events: Arc<Mutex<Vec<Event>>>,
}

impl RecordingObserver {
    /// An observer that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was heard so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// What was heard since the last call, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.lock())
    }

    /// How many events were of this kind.
    pub fn count(&self, kind: impl Fn(&Event) -> bool) -> usize {
        self.lock().iter().filter(|event| kind(event)).count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        // A test that panicked while holding the list is failing already; its list is still whole.
        lock(&self.events)
    }
}

impl Observer for RecordingObserver {
    fn on_event(&self, event: &Event) {
        self.lock().push(event.clone());
    }
}
