// SPDX-License-Identifier: Apache-2.0
//! A bounded feed of changes to several subscribers, without a runtime.
//!
//! Written by hand because the crate depends on no runtime: a queue, a waker, and a count of what was dropped.
//! A publisher never waits: a full queue loses its *oldest* change, because the newest one of a route says all
//! that the older ones said.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use crate::sync::lock;
use crate::{Register, RouteId};

/// A route's register that changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The route.
    pub route: RouteId,
    /// The register as it is now.
    pub register: Register,
}

impl Change {
    /// A change of `route` to `register`.
    #[must_use]
    pub const fn new(route: RouteId, register: Register) -> Self {
        Self { route, register }
    }
}

/// The publishing side, for adapters.
#[derive(Debug)]
pub struct Feed {
    capacity: usize,
    subscribers: Mutex<Vec<Weak<Mutex<Queue>>>>,
}

/// The receiving side. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    changes: VecDeque<Change>,
    dropped: u64,
    closed: bool,
    // One is enough: a subscription is polled through `&mut`, so by one task at a time.
    waker: Option<Waker>,
}

impl Feed {
    /// How many changes a subscriber may be behind by default.
    pub const DEFAULT_CAPACITY: usize = 1_024;

    /// A feed whose subscribers may be `capacity` changes behind; 0 counts as 1.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), subscribers: Mutex::default() }
    }

    /// A new subscription, which sees what is published from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let queue = Arc::new(Mutex::new(Queue::default()));
        let mut subscribers = lock(&self.subscribers);
        subscribers.retain(|one| one.strong_count() > 0);
        subscribers.push(Arc::downgrade(&queue));
        Subscription { queue }
    }

    /// Whether anybody listens; a publisher can spare itself the making of changes.
    #[must_use]
    pub fn has_subscribers(&self) -> bool {
        lock(&self.subscribers).iter().any(|one| one.strong_count() > 0)
    }

    /// Gives a change to every subscriber, never waiting for any.
    pub fn publish(&self, change: &Change) {
        lock(&self.subscribers).retain(|one| {
            let Some(queue) = one.upgrade() else { return false };
            let waker = {
                let mut queue = lock(&queue);
                if queue.changes.len() >= self.capacity {
                    queue.changes.pop_front();
                    queue.dropped = queue.dropped.saturating_add(1);
                }
                queue.changes.push_back(change.clone());
                queue.waker.take()
            };
            // Woken outside the queue's lock: a waker may run anything.
            if let Some(waker) = waker {
                waker.wake();
            }
            true
        });
    }

    /// Ends the subscriptions there are: they give what they still hold, then `None`. New ones can be made.
    pub fn close(&self) {
        let ended = std::mem::take(&mut *lock(&self.subscribers));
        for queue in ended.iter().filter_map(Weak::upgrade) {
            let waker = {
                let mut queue = lock(&queue);
                queue.closed = true;
                queue.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.close();
    }
}

impl Subscription {
    /// The next change; `None` when the feed has ended and nothing is left. Cancel safe: a dropped call loses nothing.
    pub async fn recv(&mut self) -> Option<Change> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// The next change if there is one at once.
    pub fn try_recv(&mut self) -> Option<Change> {
        lock(&self.queue).changes.pop_front()
    }

    /// The poll form of [`recv`](Self::recv).
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Change>> {
        let mut queue = lock(&self.queue);
        if let Some(change) = queue.changes.pop_front() {
            return Poll::Ready(Some(change));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// How many changes this subscription lost because it was read too slowly.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        lock(&self.queue).dropped
    }

    /// How many changes wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.queue).changes.len()
    }

    /// Whether nothing waits to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
