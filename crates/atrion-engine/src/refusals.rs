// SPDX-License-Identifier: Apache-2.0
//! "Why was this refused?": a few of the latest refusals, for people.
//!
//! A refusal costs one load more while nothing asks for samples. A question turns the sampling on:
//! for [`LISTENING`] after each question every route keeps at most one refusal per [`APART`], so a
//! route that refuses a hundred thousand requests a second neither pays for it nor pushes the
//! others out. Nothing here is waited for: a sample that meets another thread at the ring is not
//! taken.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::{Mono, Refusal, SignalName};
use atrion_state::{RouteId, lock};

use crate::signal::name_of;

/// One refusal that was kept.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RefusalSample {
    /// Counts the samples of an instance, from 1.
    pub number: u64,
    /// When it was refused, by the instance's clock. Written in nanoseconds as `at_ns`.
    #[cfg_attr(feature = "serde", serde(rename = "at_ns"))]
    pub at: Mono,
    /// The route that the request was for.
    pub route: RouteId,
    /// The gate of the group that has refused it, if it was not the route's own.
    pub group: Option<RouteId>,
    /// The strongest of the application's own signals, where one was in R.
    pub signal: Option<SignalName>,
    /// The refusal, with every term. Its fields are written beside the number.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub refusal: Refusal,
}

/// The latest samples of all routes.
#[derive(Debug)]
pub(crate) struct Refusals {
    listening_until: AtomicU64,
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    kept: VecDeque<RefusalSample>,
    /// Samples that were ever taken.
    taken: u64,
}

/// How long a question keeps the sampling on.
const LISTENING: Duration = Duration::from_secs(10);

/// The least time between two samples of one route.
const APART: Duration = Duration::from_millis(200);

/// The most samples that are kept.
const KEPT: usize = 512;

impl Default for Refusals {
    fn default() -> Self {
        let ring = Ring { kept: VecDeque::new(), taken: 0 };
        Self { listening_until: AtomicU64::new(0), ring: Mutex::new(ring) }
    }
}

impl Refusals {
    /// Keeps a refusal if samples are asked for, the route has kept none for a while, and no other
    /// thread is at the ring. `sampled_at` is the route's own note of its latest sample.
    pub(crate) fn offer(
        &self,
        route: &RouteId,
        group: Option<&RouteId>,
        sampled_at: &AtomicU64,
        refusal: &Refusal,
        at: Mono,
    ) {
        if at.as_nanos() >= self.listening_until.load(Relaxed) {
            return;
        }
        let last = sampled_at.load(Relaxed);
        // A clock that has gone back must not silence the route until it has caught up.
        let is_due = last == 0 || last > at.as_nanos() || at.since(Mono::from_nanos(last)) >= APART;
        // Relaxed: a thread that loses the exchange has met another that took this turn, and
        // nothing else depends on it.
        if !is_due || sampled_at.compare_exchange(last, at.as_nanos().max(1), Relaxed, Relaxed).is_err() {
            return;
        }
        if let Ok(mut ring) = self.ring.try_lock() {
            ring.push(route, group, refusal, at);
        }
    }

    /// The samples after the one of that number, oldest first. Keeps the sampling on.
    pub(crate) fn after(&self, number: u64, now: Mono) -> Vec<RefusalSample> {
        self.listening_until.store(now.after(LISTENING).as_nanos(), Relaxed);
        let mut ring = lock(&self.ring);
        // Here, so that no request is the one that allocates.
        let missing = KEPT - ring.kept.len();
        ring.kept.reserve_exact(missing);
        ring.kept.iter().filter(|sample| sample.number > number).cloned().collect()
    }
}

impl Ring {
    fn push(&mut self, route: &RouteId, group: Option<&RouteId>, refusal: &Refusal, at: Mono) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.taken += 1;
        let (number, route, group) = (self.taken, route.clone(), group.cloned());
        let signal = refusal.signal.and_then(name_of);
        self.kept.push_back(RefusalSample { number, at, route, group, signal, refusal: *refusal });
    }
}
