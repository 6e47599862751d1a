// SPDX-License-Identifier: Apache-2.0
//! The latest minutes of a route, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use atrion_core::{Mono, Wall};
use atrion_state::{RouteId, lock};

use super::{Part, PulseRecord, Recorded, Start};
use crate::physics::{Model, Tap, Tapped};

/// Keeps the latest minutes of a route for as long as it is held. Made by
/// [`Route::keep`](crate::Route::keep).
///
/// Memory: about half a kilobyte a pulse, so 0.3 MB for each minute of a busy route; a route on
/// which nothing happens has no pulses. What is older than the span is forgotten by tens of
/// seconds.
#[derive(Debug)]
pub struct Kept {
    ring: Arc<Ring>,
    route: RouteId,
    interval: Duration,
}

#[derive(Debug)]
struct Ring {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Each part has a state to start from, so that the ones before it can be forgotten. Empty
    /// until the route is tapped.
    parts: VecDeque<Part>,
    kept: usize,
}

/// The most pulses of a part.
const PART: usize = 100;

impl Kept {
    pub(crate) fn new(route: RouteId, span: Duration, interval: Duration) -> Self {
        let most = (span.as_secs_f64() / interval.as_secs_f64().max(1e-3)).clamp(PART as f64, 1e6) as usize;
        let ring = Ring { most, state: Mutex::default() };
        Self { ring: Arc::new(ring), route, interval }
    }

    pub(crate) fn tap(&self) -> Weak<dyn Tap> {
        let ring: Arc<dyn Tap> = Arc::clone(&self.ring) as Arc<dyn Tap>;
        Arc::downgrade(&ring)
    }

    /// The route's name.
    #[must_use]
    pub fn route(&self) -> &RouteId {
        &self.route
    }

    /// How many pulses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.ring.state).kept
    }

    /// No pulse has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is kept, as a recording; `now` by the instance's clock, `wall` by the wall's. It
    /// copies under the lock that the route's pulse takes, some megabytes at the most.
    #[must_use]
    pub fn recorded(&self, now: Mono, wall: Wall) -> Recorded {
        let parts: Vec<Part> = lock(&self.ring.state).parts.iter().cloned().collect();
        let first = parts.iter().flat_map(|part| &part.pulses).map(|pulse| pulse.at).next().unwrap_or(now);
        let age = u64::try_from(now.since(first).as_millis()).unwrap_or(u64::MAX);
        Recorded {
            route: self.route.as_str().to_owned(),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            interval: self.interval,
            started: Wall::from_millis(wall.as_millis().saturating_sub(age)),
            parts,
            unknown: Vec::new(),
            end: Some("kept in memory".to_owned()),
        }
    }
}

impl State {
    fn begin(&mut self, start: Start, most: usize) {
        match self.parts.back_mut() {
            Some(last) if last.pulses.is_empty() => last.start = start,
            _ => self.parts.push_back(Part { start, pulses: Vec::new() }),
        }
        while self.kept > most && self.parts.len() > 1 {
            self.kept -= self.parts.pop_front().map_or(0, |part| part.pulses.len());
        }
    }
}

impl Tap for Ring {
    fn computed(&self, step: &Tapped<'_>) -> bool {
        let mut state = lock(&self.state);
        if let Some(part) = state.parts.back_mut() {
            part.pulses.push(PulseRecord::of(step));
            let is_full = part.pulses.len() >= PART;
            state.kept += 1;
            if is_full {
                state.begin(Start::of(step.model, step.fed.now), self.most);
            }
        }
        true
    }

    fn restarted(&self, model: &Model, now: Mono) -> bool {
        lock(&self.state).begin(Start::of(model, now), self.most);
        true
    }
}
