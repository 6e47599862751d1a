// SPDX-License-Identifier: Apache-2.0
//! One node: an engine of production, its traffic, and the calls it has under way.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use atrion_core::{Mono, Outcome, Tier};
use atrion_engine::{Config, ConfigError, Engine, OwnedPermit, Route, RouteSnapshot};
use atrion_state::{FakeClock, StateProvider as _};
use atrion_testkit::FleetNode;

use super::trouble::Fate;
use crate::dice::Dice;
use crate::policy::Request;

/// How much traffic a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Class {
    /// Twenty requests a second.
    Busy,
    /// One.
    Slow,
}

impl Class {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Busy, Self::Slow];

    /// That of a node: they take turns.
    #[must_use]
    pub const fn of(node: usize) -> Self {
        if node.is_multiple_of(2) { Self::Busy } else { Self::Slow }
    }

    /// Requests a second.
    #[must_use]
    pub const fn rate(self) -> f64 {
        match self {
            Self::Busy => 20.0,
            Self::Slow => 1.0,
        }
    }
}

/// A request as the world made it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Mono,
    pub(super) request: Request,
    /// Decides whether its call is among those that the trouble strikes, 0..1.
    pub(super) luck: f64,
    /// Its work, with mean 1.
    size: f64,
}

/// A call that was let through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) place: usize,
    pub(super) ends: Mono,
    pub(super) outcome: Outcome,
}

pub(super) struct Node {
    engine: Engine,
    route: Route,
    /// Where it says and hears what is shared.
    pub(super) member: Option<FleetNode>,
    class: Class,
    dice: Dice,
    /// Seconds.
    clock: f64,
    permits: Vec<Option<OwnedPermit>>,
    free: Vec<usize>,
}

impl Node {
    pub(super) fn new(number: usize, clock: &FakeClock, seed: u64) -> Result<Self, ConfigError> {
        let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), TICK)?;
        let route = engine.route(ROUTE);
        let dice = Dice::stream(seed, PURPOSE ^ number as u64);
        let (permits, free) = (Vec::new(), Vec::new());
        Ok(Self { engine, route, member: None, class: Class::of(number), dice, clock: 0.0, permits, free })
    }

    pub(super) fn snapshot(&self) -> RouteSnapshot {
        self.route.snapshot()
    }

    /// Makes it a member of the fleet.
    pub(super) fn join(&mut self, member: FleetNode) {
        self.engine.listen_to(Arc::new(member.clone()));
        self.member = Some(member);
    }

    /// The next request: everything about it is drawn now, so that no decision moves what comes
    /// after it.
    pub(super) fn next(&mut self) -> Arrival {
        let dice = &mut self.dice;
        self.clock += dice.exponential() / self.class.rate();
        let tier = tier(dice.unit());
        let user = dice.index(USERS) as u32;
        let (luck, size) = (dice.unit(), libm::exp(SPREAD * dice.normal() - 0.5 * SPREAD * SPREAD));
        let patience = Duration::MAX;
        let request = Request { tier, user, route: 0, patience, luck: dice.bits(), attempt: 0 };
        Arrival { at: Mono::from_nanos((self.clock * 1e9) as u64), request, luck, size }
    }

    /// Puts a request to the gate; `None` is a refusal.
    pub(super) fn admit(&mut self, arrival: &Arrival, fate: Fate) -> Option<Call> {
        let permit = self.route.admit_owned(arrival.request.priority()).ok()?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.permits.push(None);
            self.permits.len() - 1
        });
        self.permits[place] = Some(permit);
        let (seconds, outcome) = match fate {
            Fate::Answered => ((SERVICE * arrival.size).min(PATIENCE), Outcome::Success),
            Fate::Failed => (REFUSAL * arrival.size, Outcome::Failure),
            Fate::Hung => (PATIENCE, Outcome::Failure),
        };
        Some(Call { place, ends: arrival.at.after(Duration::from_secs_f64(seconds)), outcome })
    }

    pub(super) fn finish(&mut self, place: usize, outcome: Outcome, now: Mono) {
        if let Some(permit) = self.permits[place].take() {
            permit.finish_at(outcome, now);
            self.free.push(place);
        }
    }

    /// PULL, COMPUTE and PUSH. The store is memory and answers at once.
    pub(super) fn pulse(&self, now: Mono) {
        if let Some(member) = &self.member {
            member.deliver();
        }
        self.engine.pulse(now);
        let Some(member) = &self.member else { return };
        let batch = self.engine.manager().take_dirty(usize::MAX, now);
        let stored = pin!(member.update_batch(batch.vectors()));
        // Ready at once, and never an error.
        let _ = stored.poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// Two thirds of the traffic are important or ordinary, the rest is background.
fn tier(at: f64) -> Tier {
    match at {
        at if at < 0.1 => Tier::Critical,
        at if at < 0.3 => Tier::High,
        at if at < 0.7 => Tier::Normal,
        at if at < 0.9 => Tier::Low,
        _ => Tier::Bulk,
    }
}

/// The name of the dependency's route at every node.
const ROUTE: &str = "fleet/dependency";
/// As in production.
const TICK: Duration = Duration::from_millis(100);
const USERS: usize = 1_000;
/// The mean time of a call, in seconds, log-normally spread.
const SERVICE: f64 = 0.05;
const SPREAD: f64 = 0.5;
/// A dependency that refuses does so quickly.
const REFUSAL: f64 = 0.01;
/// How long callers wait for an answer, in seconds.
const PATIENCE: f64 = 1.0;
const PURPOSE: u64 = 0x0d_0000;
