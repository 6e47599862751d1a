// SPDX-License-Identifier: Apache-2.0
//! Policies side by side behind one trait.
//!
//! Every policy sees what a gate in production sees: requests with tier and user, ends of calls
//! with their latency, a tick ten times a second. None is told what the plant is like, except for
//! the ones that say so (a static limit and a rate limit stand for a load test that was done; the
//! oracle for one that was done after the fact).
//!
//! Peers are written after their public descriptions; each file says what was simplified. Where
//! tiers are asked for, all peers get the same graded partition ([`share_of_limit`]), so that what
//! is compared is the limit, not the ladder.
//!
//! A gate of one's own needs two methods:
//!
//! ```
//! use std::time::Duration;
//!
//! use atrion_core::{Mono, Tier};
//! use atrion_sim::policy::{Ended, Policy, Request};
//! use atrion_sim::{Components, Scenario, plant};
//!
//! /// Refuses bulk requests, and nothing else.
//! struct NoBulk;
//!
//! impl Policy for NoBulk {
//!     fn admit(&mut self, _: Mono, request: &Request, _: u32) -> bool {
//!         request.tier != Tier::Bulk
//!     }
//!
//!     fn finish(&mut self, _: Mono, _: u32, _: Ended, _: Duration) {}
//! }
//!
//! let scenario = Scenario::parse(r#"
//!     name = "calm"
//!     purpose = "Nothing needs to be refused."
//!     seconds = 20
//!     plant = { workers = 8, service = 0.02, deadline = 0.5 }
//!     load = { load = 0.5 }
//! "#)?;
//! let components = Components::of(&plant::run(&scenario, 1, &mut NoBulk));
//! assert!(components.critical > 0.9 && components.false_sheds < 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aimd;
mod atrion;
mod breaker;
mod codel;
mod dagor;
mod first;
mod fixed;
mod gradient;
mod limited;
mod menu;
mod pid;
mod rate;
mod throttle;
mod vegas;
mod waiting;
mod windowed;

pub use atrion::{Guarded, Inside, Routing};
pub use fixed::Fixed;
pub use limited::{Limit, Limited};
pub use menu::{
    Entry, ablations, all, of_callers, of_deadlines, of_health, of_routes, oracle_limits, patient,
};

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Outcome, Priority, Spread, Tier, Volts};
use atrion_state::{PhysicsVector, StateProvider};

/// A request at the gate.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Request {
    /// How important it is.
    pub tier: Tier,
    /// The user who sends it.
    pub user: u32,
    /// Which of the plant's routes it is for.
    pub route: u32,
    /// For how long its client waits. Most clients do not tell it.
    pub patience: Duration,
    /// Randomness for policies that throw dice.
    pub luck: u64,
    /// 0 for a client's first attempt.
    pub attempt: u32,
}

impl Request {
    /// The priority as a caller of the engine would state it: the tier, and the user as cohort.
    #[must_use]
    pub fn priority(&self) -> Priority {
        Priority::tier(self.tier).cohort(u64::from(self.user).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Its voltage on the ladder.
    #[must_use]
    pub fn volts(&self, now: Mono) -> Volts {
        self.priority().resolve(Spread::Band, Priority::epoch(now), 0)
    }
}

/// How a call ended, as the gate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Ended {
    /// With an answer; whether it was in time, the latency tells.
    Answered,
    /// With a failure.
    Failed,
    /// With an answer that says nothing of the callee's health: the request itself was wrong.
    Ignored,
    /// Without an answer: the client has left.
    Left,
}

impl Ended {
    /// An answer came, whatever it said.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Ignored)
    }

    /// What the caller says of it to a gate of Atrion; none where it has left and drops its permit.
    #[must_use]
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Answered => Some(Outcome::Success),
            Self::Failed => Some(Outcome::Failure),
            Self::Ignored => Some(Outcome::Ignored),
            Self::Left => None,
        }
    }
}

/// What a gate says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Said {
    /// It passes.
    Passes,
    /// It does not.
    Refused,
    /// It waits at the gate.
    Waits,
}

/// A gate.
pub trait Policy {
    /// Whether a request passes. `call` is a small number that is this call's until its end.
    fn admit(&mut self, now: Mono, request: &Request, call: u32) -> bool;

    /// The end of a call that was let through.
    fn finish(&mut self, now: Mono, call: u32, ended: Ended, took: Duration);

    /// The same of a gate at which a request may wait; its client leaves by [`Ended::Left`].
    fn ask(&mut self, now: Mono, request: &Request, call: u32) -> Said {
        if self.admit(now, request, call) { Said::Passes } else { Said::Refused }
    }

    /// For how long a request may wait at the gate.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// A request that need not wait any longer, and whether it passes. Asked after every event.
    fn called_up(&mut self, now: Mono) -> Option<(u32, bool)> {
        let _ = now;
        None
    }

    /// Ten times a second.
    fn tick(&mut self, now: Mono) {
        let _ = now;
    }

    /// A worker has taken a call that had waited. Only a gate inside the server can know.
    fn served(&mut self, now: Mono, waited: Duration) {
        let _ = (now, waited);
    }

    /// Whether the newest of the queue is served next instead of the oldest, which has waited for
    /// this long.
    fn takes_newest(&mut self, now: Mono, oldest: Duration) -> bool {
        let _ = (now, oldest);
        false
    }

    /// Whether a call that has waited for this long is dropped instead of served.
    fn drops(&mut self, now: Mono, waited: Duration) -> bool {
        let _ = (now, waited);
        false
    }

    /// Listens to peers through this provider, of policies that can.
    fn listen_to(&mut self, provider: Arc<dyn StateProvider>) {
        let _ = provider;
    }

    /// What its peers are to be told, with its age.
    fn said(&self, now: Mono) -> Option<PhysicsVector> {
        let _ = now;
        None
    }

    /// What is going on inside, of policies that can explain themselves.
    fn inside(&self) -> Option<Inside> {
        None
    }
}

/// What share of a limit a voltage may use: bulk from 0.5 on, critical up to 1.
#[must_use]
pub fn share_of_limit(volts: Volts) -> f64 {
    0.5 + 0.5 * ((volts.get() - 14.0) / 86.0).clamp(0.0, 1.0)
}
