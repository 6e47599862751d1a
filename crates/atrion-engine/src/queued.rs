// SPDX-License-Identifier: Apache-2.0
//! An observer behind a bounded queue and a thread: what blocks or panics there holds up nothing
//! else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use atrion_state::{Event, Observer};

/// Hands events to an observer on a thread of its own, in order, over a queue of 1,024 events, or
/// of another length.
///
/// A caller never waits: if the queue is full, the event is lost to this observer and is counted in
/// [`lost`](Self::lost). A panic of the observer is caught and counted, and it goes on with the
/// next event.
///
/// The thread ends when this value is dropped and the queue is empty. Nothing waits for that: what
/// is in the queue when the process ends is lost.
#[derive(Debug)]
pub struct Queued {
    queue: Option<SyncSender<Event>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    lost: AtomicU64,
    panics: AtomicU64,
}

impl Queued {
    /// The length of the queue by default.
    pub const DEFAULT_CAPACITY: usize = 1_024;

    /// Puts a queue of [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) and a thread before `observer`.
    #[must_use]
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self::with_capacity(observer, Self::DEFAULT_CAPACITY)
    }

    /// The same with a queue of that length; 0 counts as 1.
    ///
    /// If the system gives no thread, every event counts as lost.
    #[must_use]
    pub fn with_capacity(observer: Arc<dyn Observer>, capacity: usize) -> Self {
        let (queue, events) = sync_channel(capacity.max(1));
        let counts = Arc::new(Counts::default());
        let its_counts = Arc::clone(&counts);
        let thread = thread::Builder::new()
            .name("atrion-observer".into())
            .spawn(move || pass_on(&events, observer.as_ref(), &its_counts));
        if let Err(error) = &thread {
            tracing::error!(name: "atrion.observer.without_thread", target: "atrion", %error, "observer without a thread");
        }
        Self { queue: thread.is_ok().then_some(queue), counts }
    }

    /// Events that found the queue full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Relaxed)
    }

    /// How often the observer panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.counts.panics.load(Relaxed)
    }
}

impl Observer for Queued {
    fn on_event(&self, event: &Event) {
        let sent = self.queue.as_ref().map(|queue| queue.try_send(event.clone()));
        // Disconnected cannot be: the thread catches panics and ends only with the queue.
        if !matches!(sent, Some(Ok(()) | Err(TrySendError::Disconnected(_)))) {
            self.counts.lost.fetch_add(1, Relaxed);
        }
    }
}

fn pass_on(events: &Receiver<Event>, observer: &dyn Observer, counts: &Counts) {
    while let Ok(event) = events.recv() {
        // A panic can leave nothing broken but what is the observer's own.
        if catch_unwind(AssertUnwindSafe(|| observer.on_event(&event))).is_err() {
            counts.panics.fetch_add(1, Relaxed);
        }
    }
}
