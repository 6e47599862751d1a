// SPDX-License-Identifier: Apache-2.0
//! Observers around observers: they pass on fewer events, and the inner observer does not know.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Event, Observer};

/// Passes on the events that a predicate picks.
///
/// ```
/// use atrion_state::{Event, Filtered};
///
/// # let pager = ();
/// let shedding = Filtered::new(pager, |event| matches!(event, Event::SheddingStarted { .. }));
/// ```
pub struct Filtered<O, P> {
    observer: O,
    picks: P,
}

impl<O: Observer, P: Fn(&Event) -> bool + Send + Sync + 'static> Filtered<O, P> {
    /// An observer that hears only what `picks` says yes to.
    pub const fn new(observer: O, picks: P) -> Self {
        Self { observer, picks }
    }
}

impl<O: Observer, P: Fn(&Event) -> bool + Send + Sync + 'static> Observer for Filtered<O, P> {
    fn on_event(&self, event: &Event) {
        if (self.picks)(event) {
            self.observer.on_event(event);
        }
    }
}

impl<O: fmt::Debug, P> fmt::Debug for Filtered<O, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filtered").field("observer", &self.observer).finish_non_exhaustive()
    }
}

/// Passes on one in `one_in` of the events that come with every pulse ([`Event::is_routine`]),
/// beginning with the first, and every other event.
#[derive(Debug)]
pub struct Sampled<O> {
    observer: O,
    one_in: u64,
    seen: AtomicU64,
}

impl<O: Observer> Sampled<O> {
    /// An observer that hears one routine event in `one_in`; 0 counts as 1.
    pub const fn new(observer: O, one_in: u64) -> Self {
        Self { observer, one_in: if one_in == 0 { 1 } else { one_in }, seen: AtomicU64::new(0) }
    }
}

impl<O: Observer> Observer for Sampled<O> {
    fn on_event(&self, event: &Event) {
        // Relaxed: it does not matter which of the routine events is passed on.
        if !event.is_routine() || self.seen.fetch_add(1, Relaxed).is_multiple_of(self.one_in) {
            self.observer.on_event(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Collected(Arc<Mutex<Vec<Event>>>);

    impl Observer for Collected {
        fn on_event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    fn tell(observer: &impl Observer) {
        for generation in 0..10 {
            observer.on_event(&Event::PulseFinished { duration: Duration::ZERO, routes: 1, dirty: 0 });
            observer.on_event(&Event::ConfigReplaced { generation });
        }
    }

    #[test]
    fn a_filter_lets_through_what_it_picks() {
        let heard = Collected::default();
        tell(&Filtered::new(heard.clone(), |event| {
            matches!(event, Event::ConfigReplaced { generation: 3.. })
        }));
        assert_eq!(heard.0.lock().unwrap().len(), 7);
    }

    #[test]
    fn a_sample_thins_the_routine_and_nothing_else() {
        for (one_in, routine) in [(0, 10), (1, 10), (4, 3), (100, 1)] {
            let heard = Collected::default();
            tell(&Sampled::new(heard.clone(), one_in));
            let heard = heard.0.lock().unwrap();
            assert_eq!(heard.iter().filter(|event| event.is_routine()).count(), routine, "one in {one_in}");
            assert_eq!(heard.len() - routine, 10);
        }
    }
}
