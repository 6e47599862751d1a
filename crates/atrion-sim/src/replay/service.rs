// SPDX-License-Identifier: Apache-2.0
//! The service behind a recorded route, as far as it can be told from outside.
//!
//! The reconstruction is a pool of W workers with one queue, and a service time and a share of
//! failures for every second. By Little's law a call that took L while n were in flight was in
//! service for `L min(1, W/n)`; the rest it waited. W is the one number that the recording does not
//! have, and the simplest explanation gives it: the W with which the service itself changed least
//! from second to second. With too few workers a busy time looks like a faster service, with too
//! many an overload looks like a slower one.

use atrion_core::Mono;
use atrion_engine::recording::Recorded;
use serde::Serialize;

use crate::scenario::Shape;

/// A pool of workers, and how it fared.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Service {
    /// W. The least number there can be, if no queue was ever seen.
    pub workers: u32,
    /// A queue was seen, so there is a capacity.
    pub is_reached: bool,
    /// How service times spread: the shape with which the model came closest.
    pub shape: Shape,
    /// Every second.
    pub conditions: Vec<Condition>,
}

/// How the service fared in a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Condition {
    /// Mean service time of an answer, in seconds.
    pub service: f64,
    /// The share of calls that failed.
    pub errors: f64,
    /// How long a failure took, in seconds.
    pub error_seconds: f64,
    /// Calls were in flight and none came back.
    pub is_stalled: bool,
}

/// What was seen of a second.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    answers: f64,
    answered_in: f64,
    failures: f64,
    failed_in: f64,
    area: f64,
    span: f64,
    /// As many at its end.
    in_flight: u64,
}

impl Seen {
    fn of(recorded: &Recorded, origin: Mono, count: usize) -> Vec<Self> {
        let mut all = vec![Self::default(); count];
        for pulse in recorded.pulses().filter(|pulse| pulse.at > origin) {
            let place = (pulse.at.nanos_since(origin) / 1_000_000_000) as usize;
            let Some(seen) = all.get_mut(place) else { continue };
            let vain = u64::from(pulse.failed) + u64::from(pulse.outdated);
            let others = u64::from(pulse.ignored) + u64::from(pulse.cancelled);
            let answers = pulse.window.succeeded.saturating_add(pulse.window.late) as f64;
            seen.answers += answers;
            seen.answered_in += pulse.held_ns.saturating_sub(pulse.held_in_vain_ns) as f64 * 1e-9;
            // What a client left took a worker as an answer does, and the time of both is told in
            // one sum.
            let share = vain as f64 / (vain + others).max(1) as f64;
            let in_vain = pulse.held_in_vain_ns as f64 * 1e-9;
            seen.failures += vain as f64;
            seen.failed_in += in_vain * share;
            seen.answers += others as f64;
            seen.answered_in += in_vain * (1.0 - share);
            let dt = pulse.dt_ns as f64 * 1e-9;
            seen.area += pulse.window.mean_in_flight.clamp(0.0, 1e9) * dt;
            seen.span += dt;
            seen.in_flight = pulse.window.in_flight;
        }
        all
    }

    fn level(&self) -> f64 {
        if self.span > 0.0 { self.area / self.span } else { 0.0 }
    }

    /// The share of its time that a call was in service, with this number of workers.
    fn served(&self, workers: f64) -> f64 {
        (workers / self.level().max(1e-9)).min(1.0)
    }

    /// Mean service time of answers, if there were enough to speak of.
    fn service(&self, workers: f64) -> Option<f64> {
        (self.answers >= ENOUGH).then(|| self.served(workers) * self.answered_in / self.answers)
    }
}

/// How many answers make a mean.
const ENOUGH: f64 = 3.0;

impl Service {
    /// The simplest explanation of a recording of this many seconds.
    pub(crate) fn of(recorded: &Recorded, origin: Mono, count: usize) -> Self {
        let seen = Seen::of(recorded, origin, count);
        let busiest = seen.iter().map(Seen::level).fold(1.0, f64::max).min(MOST_WORKERS);
        let mut best = (busiest.ceil(), restlessness(&seen, busiest.ceil()));
        // Downwards, so that of equals the larger stands: a queue has to show itself.
        let mut workers = busiest;
        while workers > 1.0 {
            workers = (workers / 1.05).max(1.0);
            let restless = restlessness(&seen, workers.round());
            if restless < best.1 * NOTICEABLE {
                best = (workers.round(), restless);
            }
        }
        let workers = best.0;
        let is_reached = shows_a_queue(&seen, workers);
        // A pool that was never full has room: how much is not known.
        let workers = if is_reached { workers } else { (2.0 * busiest).ceil() };
        Self {
            workers: workers as u32,
            is_reached,
            shape: Shape::Exponential,
            conditions: conditions(&seen, workers),
        }
    }

    /// The same with another number of workers and another shape.
    pub(crate) fn with(&self, recorded: &Recorded, origin: Mono, factor: f64, shape: Shape) -> Self {
        let workers = (f64::from(self.workers) * factor).round().clamp(1.0, MOST_WORKERS);
        let seen = Seen::of(recorded, origin, self.conditions.len());
        let conditions = conditions(&seen, workers);
        Self { workers: workers as u32, is_reached: self.is_reached, shape, conditions }
    }
}

/// How much the service itself would have had to change, with this number of workers.
fn restlessness(seen: &[Seen], workers: f64) -> f64 {
    let mut before: Option<f64> = None;
    let mut sum = 1e-6;
    for service in seen.iter().filter_map(|seen| seen.service(workers)) {
        let now = libm::log(service.max(1e-6));
        sum += before.map_or(0.0, |before| (now - before).abs());
        before = Some(now);
    }
    sum
}

/// Calls took longer where there were more of them than workers than where there were fewer.
fn shows_a_queue(seen: &[Seen], workers: f64) -> bool {
    let mean = |is_one: &dyn Fn(&Seen) -> bool| {
        let times = seen.iter().filter(|seen| seen.answers >= ENOUGH && is_one(seen));
        let (count, sum) =
            times.fold((0.0, 0.0), |(count, sum), seen| (count + 1.0, sum + seen.answered_in / seen.answers));
        (count >= 2.0).then_some(sum / count)
    };
    let crowded = mean(&|seen| seen.level() > QUEUED * workers);
    let calm = mean(&|seen| seen.level() < workers);
    match (crowded, calm) {
        (Some(crowded), Some(calm)) => crowded > LONGER * calm,
        // A recording of nothing but overload: the pool of the explanation has to do.
        (Some(_), None) => true,
        _ => false,
    }
}

fn conditions(seen: &[Seen], workers: f64) -> Vec<Condition> {
    let first = seen.iter().find_map(|seen| seen.service(workers)).unwrap_or(0.01);
    let mut now = Condition { service: first, errors: 0.0, error_seconds: first, is_stalled: false };
    let mut all = Vec::with_capacity(seen.len());
    for seen in seen {
        let ended = seen.answers + seen.failures;
        now.service = seen.service(workers).unwrap_or(now.service).clamp(1e-5, 60.0);
        if ended > 0.0 {
            now.errors = (seen.failures / ended).clamp(0.0, 1.0);
        }
        if seen.failures > 0.0 {
            now.error_seconds = (seen.served(workers) * seen.failed_in / seen.failures).clamp(0.0, 60.0);
        }
        now.is_stalled = ended <= 0.0 && seen.in_flight > 0 && seen.span > 0.5;
        all.push(now);
    }
    all
}

/// A smaller pool has to explain this much better.
const NOTICEABLE: f64 = 0.98;

/// Calls wait where the crowd is this far above the workers.
const QUEUED: f64 = 1.1;

/// And take this much longer than otherwise.
const LONGER: f64 = 1.2;

const MOST_WORKERS: f64 = 50_000.0;
