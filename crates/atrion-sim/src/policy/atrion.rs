// SPDX-License-Identifier: Apache-2.0
//! Atrion itself: the engine of production, on a clock that stands still until the simulation moves
//! it.
//!
//! Nothing is simplified. Requests name their user as cohort, so no decision depends on the number
//! of the thread that simulates.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use atrion_core::{Mode, Mono, Priority, Terms, Wall};
use atrion_engine::recording::{Kept, RecordError, Recorder, Recording};
use atrion_engine::{Config, ConfigError, Engine, OwnedPermit, Route};
use atrion_state::{FakeClock, PhysicsVector, StateProvider};

use super::waiting::Waiting;
use super::{Ended, Policy, Request, Said};

/// The routes of an engine as a policy.
pub struct Guarded {
    clock: FakeClock,
    engine: Engine,
    /// What the plant's routes are admitted by.
    routes: Vec<Route>,
    /// What is looked at and recorded: the gate that sees all requests, or the first route's.
    watched: Route,
    permits: Vec<Option<OwnedPermit>>,
    waiting: Waiting,
    /// Clients say for how long they wait.
    clients_tell: bool,
}

/// Which gates the routes of a plant have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Routing {
    /// One gate, which knows nothing of routes.
    #[default]
    OneGate,
    /// Each route has its own, and knows nothing of the others.
    Alone,
    /// Each route has its own, beside that of a group of all.
    Grouped,
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
        Self::with_routes(config, 1, Routing::OneGate)
    }

    /// An engine with this configuration, for a plant with so many routes.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong with `config`.
    pub fn with_routes(config: Config, routes: usize, routing: Routing) -> Result<Self, ConfigError> {
        let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
        let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK)?;
        let name = |nth: usize| format!("sim/route-{nth}");
        let numbers = 0..routes.max(1);
        let (routes, watched) = match routing {
            Routing::OneGate => {
                let route = engine.route("sim/route");
                (numbers.map(|_| route.clone()).collect(), route)
            }
            Routing::Alone => {
                let routes: Vec<_> = numbers.map(|nth| engine.route(&name(nth))).collect();
                let first = engine.route(&name(0));
                (routes, first)
            }
            Routing::Grouped => {
                let group = engine.group("sim");
                (numbers.map(|nth| group.route(&name(nth))).collect(), group.gate())
            }
        };
        Ok(Self {
            clock,
            engine,
            routes,
            watched,
            permits: Vec::new(),
            waiting: Waiting::default(),
            clients_tell: false,
        })
    }

    /// Lets requests wait at the gate.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.waiting.patience = patience;
        self
    }

    /// Lets each request tell for how long its client waits.
    #[must_use]
    pub(super) fn told_deadlines(mut self, clients_tell: bool) -> Self {
        self.clients_tell = clients_tell;
        self
    }

    fn priority(&self, now: Mono, request: &Request) -> Priority {
        let priority = request.priority();
        if self.clients_tell { priority.deadline(now.after(request.patience)) } else { priority }
    }

    fn keep_permit(&mut self, call: u32, permit: OwnedPermit) {
        let place = call as usize;
        if self.permits.len() <= place {
            self.permits.resize_with(place + 1, || None);
        }
        self.permits[place] = Some(permit);
    }

    fn route(&self, request: &Request) -> &Route {
        self.routes.get(request.route as usize).unwrap_or(&self.watched)
    }

    /// Records what the gate measures and decides into a file.
    ///
    /// # Errors
    /// [`RecordError`] if the file cannot be made.
    pub fn record(&self, recording: Recording) -> Result<Recorder, RecordError> {
        self.watched.record(recording)
    }

    /// Keeps what the gate measures and decides, for the latest `span`.
    #[must_use]
    pub fn keep(&self, span: Duration) -> Kept {
        self.watched.keep(span)
    }
}

impl Policy for Guarded {
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool {
        self.clock.set(now);
        let Ok(permit) = self.route(request).admit_owned(self.priority(now, request)) else { return false };
        self.keep_permit(call, permit);
        true
    }

    fn ask(&mut self, now: Mono, request: &Request, call: u32) -> Said {
        if self.waiting.patience.is_zero() {
            return if self.admit(now, request, call) { Said::Passes } else { Said::Refused };
        }
        self.clock.set(now);
        let acquire = self.route(request).acquire_owned(self.priority(now, request));
        match self.waiting.begin(call, acquire) {
            Poll::Ready(Ok(permit)) => {
                self.keep_permit(call, permit);
                Said::Passes
            }
            Poll::Ready(Err(_)) => Said::Refused,
            Poll::Pending => Said::Waits,
        }
    }

    fn patience(&self) -> Duration {
        self.waiting.patience
    }

    fn called_up(&mut self, now: Mono) -> Option<(u32, bool)> {
        if self.waiting.is_empty() {
            return None;
        }
        self.clock.set(now);
        if self.waiting.ends_at.is_none_or(|end| end <= now) {
            self.waiting.ends_at = self.engine.end_waits(now);
        }
        let (call, answer) = self.waiting.next_answer()?;
        let passes = answer.is_ok();
        if let Ok(permit) = answer {
            self.keep_permit(call, permit);
        }
        Some((call, passes))
    }

    fn finish(&mut self, now: Mono, call: u32, ended: Ended, _: Duration) {
        self.clock.set(now);
        if ended == Ended::Left {
            self.waiting.leave(call);
        }
        let Some(permit) = self.permits.get_mut(call as usize).and_then(Option::take) else { return };
        match ended.outcome() {
            Some(outcome) => permit.finish_at(outcome, now),
            None => drop(permit),
        }
    }

    fn tick(&mut self, now: Mono) {
        self.clock.set(now);
        self.engine.pulse(now);
    }

    fn listen_to(&mut self, provider: Arc<dyn StateProvider>) {
        self.engine.listen_to(provider);
    }

    fn said(&self, now: Mono) -> Option<PhysicsVector> {
        self.engine.manager().get(self.watched.id(), now)
    }

    fn inside(&self) -> Option<Inside> {
        let now = self.watched.snapshot();
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
