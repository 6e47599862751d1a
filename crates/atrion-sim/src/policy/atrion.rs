// SPDX-License-Identifier: Apache-2.0
//! Atrion itself: the engine of production, on a clock that stands still until the simulation moves
//! it.
//!
//! Nothing is simplified. Requests name their user as cohort, so no decision depends on the number
//! of the thread that simulates.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Mono, Outcome, Terms, Wall};
use atrion_engine::recording::{Kept, RecordError, Recorder, Recording};
use atrion_engine::{Config, ConfigError, Engine, OwnedPermit, Route};
use atrion_state::FakeClock;

use super::{Ended, Policy, Request};

/// A route of an engine as a policy.
pub struct Guarded {
    clock: FakeClock,
    engine: Engine,
    route: Route,
    permits: Vec<Option<OwnedPermit>>,
}

/// What a policy that can explain itself has inside.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Inside {
    /// The mode.
    pub mode: Mode,
    /// The terms of R, saturation with the crowd of now.
    pub terms: Terms,
    /// The capacity target N*, in requests.
    pub target: f64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Debt D, in slots.
    pub debt: f64,
    /// L, latency now, in seconds.
    pub latency: f64,
    /// L0, its baseline.
    pub baseline: f64,
    /// X, successes per second.
    pub throughput: f64,
    /// e, the smoothed share of failures.
    pub error_share: f64,
    /// Elasticity eps.
    pub elasticity: f64,
    /// Effectiveness eta.
    pub effectiveness: f64,
}

impl Guarded {
    /// An engine with this configuration and one route.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong with `config`.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
        let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK)?;
        let route = engine.route("sim/route");
        Ok(Self { clock, engine, route, permits: Vec::new() })
    }

    /// Records what the route measures and decides into a file.
    ///
    /// # Errors
    /// [`RecordError`] if the file cannot be made.
    pub fn record(&self, recording: Recording) -> Result<Recorder, RecordError> {
        self.route.record(recording)
    }

    /// Keeps what the route measures and decides, for the latest `span`.
    #[must_use]
    pub fn keep(&self, span: Duration) -> Kept {
        self.route.keep(span)
    }
}

impl Policy for Guarded {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        self.clock.set(now);
        let Ok(permit) = self.route.admit_owned(request.priority()) else { return false };
        let place = call as usize;
        if self.permits.len() <= place {
            self.permits.resize_with(place + 1, || None);
        }
        self.permits[place] = Some(permit);
        true
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, _: Duration) {
        self.clock.set(now);
        let Some(permit) = self.permits.get_mut(call as usize).and_then(Option::take) else { return };
        match ended {
            Ended::Answered => permit.finish_at(Outcome::Success, now),
            Ended::Failed => permit.finish_at(Outcome::Failure, now),
            Ended::Ignored => permit.finish_at(Outcome::Ignored, now),
            Ended::Left => drop(permit),
        }
    }

    fn tick(&mut self, now: Mono) {
        self.clock.set(now);
        self.engine.pulse(now);
    }

    fn inside(&self) -> Option<Inside> {
        let now = self.route.snapshot();
        Some(Inside {
            mode: now.mode,
            terms: now.terms,
            target: now.target,
            in_flight: now.in_flight,
            debt: now.debt,
            latency: now.latency.map_or(0.0, |span| span.as_secs_f64()),
            baseline: now.baseline.map_or(0.0, |span| span.as_secs_f64()),
            throughput: now.throughput,
            error_share: now.error_share,
            elasticity: now.elasticity,
            effectiveness: now.effectiveness,
        })
    }
}

/// As in production.
const TICK: Duration = Duration::from_millis(100);
