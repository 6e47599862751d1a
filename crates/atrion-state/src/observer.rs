// SPDX-License-Identifier: Apache-2.0
//! The observability port: one list of events, thin exporters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atrion_core::{Mode, Ohms};

use crate::{ProviderError, RouteId};

/// Something that happened. Cheap to clone: names and texts are shared.
///
/// Events come from the pulse and from configuration calls, never from the path of a single request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A route changed its mode.
    ModeChanged {
        /// The route.
        route: RouteId,
        /// What it did before.
        from: Mode,
        /// What it does now.
        to: Mode,
        /// Its resistance at the change.
        resistance: Ohms,
    },
    /// A route refused requests in this pulse and had refused none in the last.
    SheddingStarted {
        /// The route.
        route: RouteId,
        /// Its resistance at rest.
        resistance: Ohms,
        /// Requests refused in this pulse.
        shed: u64,
        /// Requests admitted in this pulse.
        admitted: u64,
    },
    /// A route that had refused requests refuses none any more.
    SheddingStopped {
        /// The route.
        route: RouteId,
        /// Requests refused from the start to the end.
        shed: u64,
        /// Requests admitted meanwhile.
        admitted: u64,
        /// How long it refused.
        lasted: Duration,
    },
    /// The provider began to fail. Admission goes on from local state.
    ProviderDegraded {
        /// Name of the provider.
        provider: &'static str,
        /// The first error.
        error: Arc<ProviderError>,
    },
    /// The provider works again.
    ProviderRecovered {
        /// Name of the provider.
        provider: &'static str,
        /// How long it failed.
        outage: Duration,
    },
    /// More routes were named than the bound allows; new names share the overflow route.
    RoutesOverflowed {
        /// The bound.
        limit: usize,
        /// Requests for names that found no place since the last such event.
        refused: u64,
    },
    /// A new configuration is in force.
    ConfigReplaced {
        /// Counts replacements since the start.
        generation: u64,
    },
    /// A configuration was refused whole; the old one stays.
    ConfigRejected {
        /// All that is wrong with it.
        reason: Arc<str>,
    },
    /// Somebody took over a route by hand.
    OverrideSet {
        /// The route.
        route: RouteId,
        /// What was asked for.
        kind: OverrideKind,
        /// Why, in the words of whoever did it.
        reason: Arc<str>,
        /// For how long.
        time_to_live: Duration,
    },
    /// The time of an override is over, or it was lifted.
    OverrideExpired {
        /// The route.
        route: RouteId,
        /// What had been asked for.
        kind: OverrideKind,
    },
    /// One COMPUTE of all routes.
    PulseFinished {
        /// How long it took.
        duration: Duration,
        /// Routes that were computed.
        routes: usize,
        /// Routes whose vectors the store has not seen yet.
        dirty: usize,
    },
    /// One PUSH to the store.
    PushFinished {
        /// How long it took.
        duration: Duration,
        /// Vectors that were in it.
        routes: usize,
        /// How it ended.
        result: Result<(), Arc<ProviderError>>,
    },
    /// One PULL from the store.
    PullFinished {
        /// How long it took.
        duration: Duration,
        /// How it ended.
        result: Result<(), Arc<ProviderError>>,
    },
}

/// What somebody may do to a route by hand. The names are those of a breaker: open lets nothing through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverrideKind {
    /// The breaker is held open: every request is refused.
    ForceOpen,
    /// The breaker is held closed: every request passes.
    ForceClosed,
    /// The route forgets everything and learns anew.
    Reset,
}

/// Listens to events.
///
/// It is called on the pulse's task: it should be quick and must not block. If it panics, that event is lost to it
/// and to nobody else (see [`Fanout`]).
pub trait Observer: Send + Sync + 'static {
    /// Called once for each event, in order.
    fn on_event(&self, event: &Event);
}

/// Listens to nothing.
impl Observer for () {
    fn on_event(&self, _: &Event) {}
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_event(&self, event: &Event) {
        (**self).on_event(event);
    }
}

/// Gives every event to several observers, in the order they were added. A panic of one harms nobody else.
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

    /// Whether nobody listens: the caller can then spare itself the making of events.
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
            // Unwind safety: events are shared read-only, and what an observer broke of its own is its own affair.
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
            // Without the hook's message: the panic is what the test is about. `resume_unwind` skips the hook.
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
