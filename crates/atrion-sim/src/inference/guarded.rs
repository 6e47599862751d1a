// SPDX-License-Identifier: Apache-2.0
//! Atrion before the model: the engine of production, on the clock of the simulation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Cost, Mono, Outcome, Priority, Telemetry, Volts, Wall};
use atrion_engine::{Config, ConfigError, Engine, OwnedPermit, Route, StreamPermit};
use atrion_state::FakeClock;

use super::clients::Request;
use super::gates::{Gate, Load, Verdicts};

/// When a request is judged, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Judged {
    /// At the first token, as a stream.
    AtFirstToken,
    /// The same, at the cost of its estimated tokens.
    AtFirstTokenByCost,
    /// At the first token, and the server tells how far its memory is used.
    AtFirstTokenAndMemory,
    /// The same, and of a tier the shorter requests, by their estimated tokens, come first.
    ShortFirst,
    /// At the end of its answer.
    AtTheEnd,
}

impl Judged {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AtFirstToken => "atrion",
            Self::AtFirstTokenByCost => "atrion+cost",
            Self::AtFirstTokenAndMemory => "atrion+memory",
            Self::ShortFirst => "atrion+short",
            Self::AtTheEnd => "atrion-body",
        }
    }
}

/// What an admitted request holds.
enum Held {
    Call(OwnedPermit),
    Stream(StreamPermit),
}

/// A route of the engine.
pub struct Guarded {
    clock: FakeClock,
    engine: Engine,
    route: Route,
    judged: Judged,
    held: BTreeMap<usize, Held>,
}

/// The first token is to be there after so long.
pub(super) const SLO: Duration = Duration::from_secs(2);

impl Guarded {
    /// An engine with one route whose SLO is that of the first token.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration is refused.
    pub fn new(judged: Judged) -> Result<Self, ConfigError> {
        let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
        let config = match judged {
            Judged::AtTheEnd => Config::default(),
            _ => Config::default().slo(SLO),
        };
        let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK)?;
        let route = engine.route(ROUTE);
        Ok(Self { clock, engine, route, judged, held: BTreeMap::new() })
    }
}

impl Gate for Guarded {
    fn arrives(&mut self, now: Mono, id: usize, request: &Request, verdicts: &mut Verdicts) {
        self.clock.set(now);
        let mut priority = Priority::from(request.tier).cohort(request.user);
        if self.judged == Judged::ShortFirst {
            priority = Priority::volts(by_length(request));
        }
        if self.judged == Judged::AtFirstTokenByCost {
            priority = priority.cost(Cost::saturating(request.tokens()));
        }
        let permit = self.route.admit_owned(priority).ok();
        verdicts.push((id, permit.is_some()));
        self.held.extend(permit.map(|permit| (id, Held::Call(permit))));
    }

    fn first_token(&mut self, now: Mono, id: usize) {
        self.clock.set(now);
        if self.judged == Judged::AtTheEnd {
            return;
        }
        if let Some(Held::Call(permit)) = self.held.remove(&id) {
            self.held.insert(id, Held::Stream(permit.into_stream(Outcome::Success)));
        }
    }

    fn ends(&mut self, now: Mono, id: usize, is_whole: bool, _: &mut Verdicts) {
        self.clock.set(now);
        match self.held.remove(&id) {
            Some(Held::Call(permit)) if is_whole => permit.finish(Outcome::Success),
            Some(Held::Stream(stream)) => stream.finish(Outcome::Success),
            // Its client has left before it was answered.
            Some(Held::Call(_)) | None => {}
        }
    }

    fn tick(&mut self, now: Mono, load: Load, _: &mut Verdicts) {
        self.clock.set(now);
        self.engine.pulse(now);
        if matches!(self.judged, Judged::AtFirstTokenAndMemory | Judged::ShortFirst) {
            let latency = self.route.snapshot().latency.map_or(0.0, |span| span.as_secs_f64());
            let telemetry = Telemetry { latency, error_rate: 0.0, saturation: load.memory / FULL };
            // What is in range is not refused.
            let _ = self.engine.update_physics(ROUTE, telemetry);
        }
    }
}

/// A place in the band of its tier: the higher the shorter, in the middle at a thousand tokens.
fn by_length(request: &Request) -> Volts {
    let ((low, high), tokens) = (request.tier.band(), f64::from(request.tokens()));
    Volts::saturating(high - (high - low) * tokens / (tokens + 1_000.0))
}

const ROUTE: &str = "completions";

/// The part of the memory at which a server counts as saturated, as for the gates that are written
/// by hand.
pub(super) const FULL: f64 = 0.8;

/// As in production.
const TICK: Duration = Duration::from_millis(100);
