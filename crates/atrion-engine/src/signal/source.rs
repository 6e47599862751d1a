// SPDX-License-Identifier: Apache-2.0
//! Callbacks that know a signal's number and have to be asked. Each is asked on a thread of its own,
//! so that one that hangs silences its own signal, and neither another one nor the pulse.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::slot::Slot;
use super::{Gauge, SignalError};

/// Where numbers go that a callback or a task measures: until the signal gets another
/// meaning, or nothing holds it any more.
pub(crate) struct Source {
    slot: Weak<Slot>,
    generation: u64,
}

impl Source {
    fn slot(&self) -> Option<Arc<Slot>> {
        self.slot.upgrade().filter(|slot| slot.generation() == self.generation)
    }

    /// False: the number is not wanted any more.
    pub(crate) fn tell(&self, reading: f64) -> bool {
        self.slot().map(|slot| slot.set(reading)).is_some()
    }
}

impl Gauge {
    pub(crate) fn source(&self) -> Source {
        Source { slot: Arc::downgrade(&self.0), generation: self.0.generation() }
    }

    /// Asks `read` from now on, once in each `interval`.
    pub(crate) fn ask(
        &self,
        interval: Duration,
        mut read: impl FnMut() -> f64 + Send + 'static,
    ) -> Result<(), SignalError> {
        let source = self.source();
        let ask = move || {
            while source.slot().is_some() {
                // What a panic has left behind in the callback is the callback's own.
                let told = catch_unwind(AssertUnwindSafe(&mut read));
                // Not held while it sleeps.
                match (source.slot(), told) {
                    (None, _) => return,
                    (Some(slot), Ok(reading)) => slot.set(reading),
                    (Some(slot), Err(_)) => slot.fail(),
                }
                thread::park_timeout(interval);
            }
        };
        let thread = thread::Builder::new().name("atrion-signal".to_owned()).spawn(ask);
        thread.map(drop).map_err(|error| SignalError::Thread(error.to_string().into()))
    }
}
