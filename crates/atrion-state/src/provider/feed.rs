// SPDX-License-Identifier: Apache-2.0
//! A bounded feed of changes to several subscribers, without a runtime.
//!
//! Written by hand because the crate depends on no runtime: a queue, a waker, and a count of what
//! was dropped. A publisher never waits: a full queue loses its *oldest* change, because the newest
//! change of a route says all that the older ones said.

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

    /// Whether there is a subscriber; a publisher without one need not make changes.
    #[must_use]
    pub fn has_subscribers(&self) -> bool {
        lock(&self.subscribers).iter().any(|one| one.strong_count() > 0)
    }

    /// Gives a change to every subscriber, never waiting for any.
    pub fn publish(&self, change: &Change) {
        self.enqueue(change).into_iter().for_each(Waker::wake);
    }

    /// Gives a change to every subscriber. The caller wakes them, outside its locks: a waker may
    /// run anything.
    pub(crate) fn enqueue(&self, change: &Change) -> Vec<Waker> {
        let mut wakers = Vec::new();
        lock(&self.subscribers).retain(|one| {
            let Some(queue) = one.upgrade() else { return false };
            let mut queue = lock(&queue);
            if queue.changes.len() >= self.capacity {
                queue.changes.pop_front();
                queue.dropped = queue.dropped.saturating_add(1);
            }
            queue.changes.push_back(change.clone());
            wakers.extend(queue.waker.take());
            true
        });
        wakers
    }

    /// Ends the subscriptions there are: they give what they still hold, then `None`. New ones can
    /// be made.
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
    /// The next change; `None` when the feed has ended and nothing is left. Cancel safe: a dropped
    /// call loses nothing.
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use atrion_core::{Mode, Ohms};

    use super::*;
    use crate::{NodeId, PhysicsVector};

    fn change(version: u64) -> Change {
        let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::ZERO);
        Change::new(RouteId::new("a").unwrap(), Register::new(NodeId::local(), 1, version, vector))
    }

    fn versions(subscription: &mut Subscription) -> Vec<u64> {
        std::iter::from_fn(|| subscription.try_recv()).map(|change| change.register.version).collect()
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_full_queue_loses_the_oldest_and_counts_them() {
        let feed = Feed::new(3);
        let mut slow = feed.subscribe();
        for version in 1..=10 {
            feed.publish(&change(version));
        }
        assert_eq!((slow.len(), slow.dropped()), (3, 7));
        assert_eq!(versions(&mut slow), [8, 9, 10]);
        assert!(slow.is_empty());
    }

    #[test]
    fn a_slow_subscriber_costs_the_others_nothing() {
        let feed = Feed::new(2);
        let (mut quick, slow) = (feed.subscribe(), feed.subscribe());
        let mut seen = Vec::new();
        for version in 1..=5 {
            feed.publish(&change(version));
            seen.extend(versions(&mut quick));
        }
        assert_eq!((seen, quick.dropped(), slow.dropped()), (vec![1, 2, 3, 4, 5], 0, 3));
    }

    #[test]
    fn a_waiting_subscriber_is_woken_once_by_a_change_and_once_by_the_end() {
        let feed = Feed::default();
        let mut subscription = feed.subscribe();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        assert!(subscription.poll_recv(&mut context).is_pending());
        feed.publish(&change(1));
        feed.publish(&change(2));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert!(subscription.poll_recv(&mut context).is_ready());
        assert!(subscription.poll_recv(&mut context).is_ready());
        assert!(subscription.poll_recv(&mut context).is_pending());
        feed.close();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 2);
        assert_eq!(subscription.poll_recv(&mut context), Poll::Ready(None));
    }

    #[test]
    fn an_ended_feed_gives_what_it_held_and_can_be_subscribed_again() {
        let feed = Feed::default();
        let mut old = feed.subscribe();
        feed.publish(&change(1));
        feed.close();
        let mut new = feed.subscribe();
        feed.publish(&change(2));
        assert_eq!((versions(&mut old), versions(&mut new)), (vec![1], vec![2]));
    }

    #[test]
    fn subscribers_that_left_leave_nothing_behind() {
        let feed = Feed::default();
        for _ in 0..1_000 {
            drop(feed.subscribe());
        }
        assert!(!feed.has_subscribers());
        let _one = feed.subscribe();
        assert_eq!(lock(&feed.subscribers).len(), 1);
    }
}
