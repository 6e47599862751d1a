// SPDX-License-Identifier: Apache-2.0
//! The observability port: one list of events, thin exporters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

mod compose;
pub use compose::{Filtered, Sampled};

mod event;
pub use event::{Event, LeaseEnd, OverrideKind, RecordingEnd, SignalFault, SyncOperation};

mod license;
pub use license::{LicenseStanding, LicenseState};

/// Listens to events.
///
/// It is called on the pulse's task: it should be quick and must not block, or have a queue before
/// it (`Queued` of the engine). If it panics, it loses that event, and other observers do not
/// ([`Fanout`]). [`Filtered`] and [`Sampled`] give it fewer events.
pub trait Observer: Send + Sync + 'static {
    /// Called once for each event, in order.
    fn on_event(&self, event: &Event);
}

/// Ignores every event.
impl Observer for () {
    fn on_event(&self, _: &Event) {}
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_event(&self, event: &Event) {
        (**self).on_event(event);
    }
}

/// Gives every event to several observers, in the order they were added. A panic of one does not
/// reach the others.
#[derive(Default)]
pub struct Fanout {
    observers: Vec<Arc<dyn Observer>>,
    panics: AtomicU64,
}

impl Fanout {
    /// A fan-out to these observers.
    #[must_use]
    pub fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self { observers, panics: AtomicU64::new(0) }
    }

    /// Adds one more at the end.
    pub fn push(&mut self, observer: Arc<dyn Observer>) {
        self.observers.push(observer);
    }

    /// How many observers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.observers.len()
    }

    /// Whether there are no observers: the caller then need not make events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.observers.is_empty()
    }

    /// How often an observer panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

impl Observer for Fanout {
    fn on_event(&self, event: &Event) {
        for observer in &self.observers {
            // Unwind safety: events are shared read-only, and an observer can leave only its own
            // state broken.
            if catch_unwind(AssertUnwindSafe(|| observer.on_event(event))).is_err() {
                self.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl std::fmt::Debug for Fanout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fanout").field("observers", &self.len()).field("panics", &self.panics()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Counting(Mutex<Vec<u64>>);
    impl Observer for Counting {
        fn on_event(&self, event: &Event) {
            if let Event::ConfigReplaced { generation } = event {
                self.0.lock().unwrap().push(*generation);
            }
        }
    }

    struct Bomb;
    impl Observer for Bomb {
        fn on_event(&self, _: &Event) {
            // Without the hook's message: the panic is what the test is about. `resume_unwind`
            // skips the hook.
            std::panic::resume_unwind(Box::new("boom"));
        }
    }

    #[test]
    fn an_observer_that_panics_harms_nobody_else() {
        let (before, after) = (Arc::new(Counting(Mutex::default())), Arc::new(Counting(Mutex::default())));
        let fanout = Fanout::new(vec![before.clone(), Arc::new(Bomb), after.clone()]);
        for generation in 0..3 {
            fanout.on_event(&Event::ConfigReplaced { generation });
        }
        assert_eq!(*before.0.lock().unwrap(), [0, 1, 2]);
        assert_eq!(*after.0.lock().unwrap(), [0, 1, 2]);
        assert_eq!(fanout.panics(), 3);
    }
}
