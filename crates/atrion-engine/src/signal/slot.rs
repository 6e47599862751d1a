// SPDX-License-Identifier: Apache-2.0
//! One signal: the latest number, and what it is worth at a moment.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use arc_swap::ArcSwap;
use atrion_core::{Mono, SignalName};
use atrion_state::{Clock, SignalFault};

use super::Meaning;

/// What the application writes and the pulse reads.
pub(crate) struct Slot {
    name: SignalName,
    clock: Arc<dyn Clock>,
    meaning: ArcSwap<Meaning>,
    /// The bits of a float; NaN says that the reading is not known.
    reading: AtomicU64,
    set_at: AtomicU64,
    /// A number has come.
    is_set: AtomicBool,
    panicked: AtomicBool,
    /// Rises whenever the signal gets a new meaning, and with it a new source of numbers.
    generation: AtomicU64,
}

impl Slot {
    pub(super) fn new(name: SignalName, meaning: Meaning, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        Self {
            name,
            clock,
            meaning: ArcSwap::from_pointee(meaning),
            reading: AtomicU64::new(f64::NAN.to_bits()),
            set_at: AtomicU64::new(now.as_nanos()),
            is_set: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn name(&self) -> SignalName {
        self.name
    }

    pub(super) fn meaning(&self) -> Arc<Meaning> {
        self.meaning.load_full()
    }

    /// Gives the signal another meaning. A callback of before is asked no more.
    pub(super) fn change(&self, meaning: Meaning) {
        self.meaning.store(Arc::new(meaning));
        self.generation.fetch_add(1, Relaxed);
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    pub(super) fn set(&self, reading: f64) {
        self.panicked.store(false, Relaxed);
        self.reading.store(reading.to_bits(), Relaxed);
        self.set_at.store(self.clock.now().as_nanos(), Relaxed);
        // Release: a pulse that sees that there is a number sees the number.
        self.is_set.store(true, Release);
    }

    /// Its callback has panicked: the reading is not known.
    pub(super) fn fail(&self) {
        self.set(f64::NAN);
        self.panicked.store(true, Relaxed);
    }

    /// The number that counts at `now`; `Ok(None)` before the first one.
    pub(super) fn read(&self, now: Mono) -> Result<Option<f64>, SignalFault> {
        let is_set = self.is_set.load(Acquire);
        let set_at = Mono::from_nanos(self.set_at.load(Relaxed));
        if now.since(set_at) >= self.meaning.load().patience {
            return Err(SignalFault::Silent);
        }
        let reading = f64::from_bits(self.reading.load(Relaxed));
        match reading.is_finite() {
            true => Ok(Some(reading)),
            false if self.panicked.load(Relaxed) => Err(SignalFault::Panicked),
            false if is_set => Err(SignalFault::NotANumber),
            false => Ok(None),
        }
    }
}
