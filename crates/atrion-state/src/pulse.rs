// SPDX-License-Identifier: Apache-2.0
//! The Pulse: COMPUTE, BUFFER, PUSH, PULL (RFC-0007, section 4) as a machine without a clock and
//! without I/O.
//!
//! The driver asks [`Pulse::next`] what to do now, does it, and reports. COMPUTE comes first and is
//! never held up: a push or pull is *started* by a step, runs beside the machine, and is given up
//! by the machine when its budget is over. So a store that hangs costs freshness, never a tick.
//!
//! ```text
//! loop {
//!     match pulse.next(clock.now()) {
//!         Compute { dt } => { step every route; pulse.buffered(manager.dirty()) }
//!         Push           => start pushing; when it ends: pulse.pushed(clock.now(), &result)
//!         Pull           => start pulling; when it ends: pulse.pulled(clock.now(), &result)
//!         Abandon { .. } => drop the future of that flight; what it carried is dirty again
//!         Wait { until } => sleep until then, or until a flight ends
//!     }
//! }
//! ```
//! What it does not know: routes, vectors, futures, why something failed. Why it is a machine and
//! no loop: `docs/adr/0004-sans-io-pulse-boxed-port.md`.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};

mod config;
pub use config::{PulseConfig, PulseConfigError};

mod lane;
use lane::Lane;

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a step that is not done stalls the pulse"]
#[allow(clippy::exhaustive_enums)] // a driver that does not know a step would stall; a new step must not compile
pub enum Step {
    /// Step the physics of every route by `dt`, then report [`Pulse::buffered`].
    Compute {
        /// Time since the last COMPUTE; more than an interval if ticks were missed.
        dt: Duration,
    },
    /// Start storing what is dirty. No other push is in flight.
    Push,
    /// Start reading what others stored. No other pull is in flight.
    Pull,
    /// Drop the future of a flight whose budget is over; what a push carried is dirty again.
    Abandon {
        /// Which one.
        flight: Flight,
        /// If this is what degraded the provider.
        transition: Option<Transition>,
    },
    /// Nothing to do before `until`, unless a flight ends sooner.
    Wait {
        /// When to ask again. Always later than the `now` that was asked with.
        until: Mono,
    },
}

/// What can be under way beside the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the RFC's two asynchronous phases
pub enum Flight {
    /// Storing.
    Push,
    /// Reading.
    Pull,
}

/// The provider's state changed, as seen from the results. Each change is given out exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // two states have two transitions
pub enum Transition {
    /// It began to fail.
    Degraded {
        /// What failed first.
        flight: Flight,
    },
    /// Nothing fails any more.
    Recovered {
        /// How long something did.
        outage: Duration,
    },
}

/// Whether something fails, and since when: each change is given out once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outage(Option<Mono>);

/// A change of an [`Outage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // two states have two changes
pub enum Turn {
    /// Something began to fail.
    Began,
    /// Nothing fails any more, after this long.
    Ended(Duration),
}

impl Outage {
    /// Takes note of whether something fails.
    pub fn note(&mut self, fails: bool, now: Mono) -> Option<Turn> {
        match (self.0, fails) {
            (None, true) => {
                self.0 = Some(now);
                Some(Turn::Began)
            }
            (Some(_), false) => self.0.take().map(|began| Turn::Ended(now.since(began))),
            _ => None,
        }
    }

    /// Whether something fails.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

/// The machine. See the module's text for the driver's loop.
#[derive(Debug, Clone)]
pub struct Pulse {
    config: PulseConfig,
    /// Latest reading seen. Invariant: no stored instant refers to a clock other than the one that
    /// gave it.
    now: Mono,
    computed_at: Mono,
    /// Invariant: lies on the grid of ticks that began with `new`.
    compute_due: Mono,
    /// How many other steps may still come before a COMPUTE that is due.
    turns: u8,
    dirty: bool,
    push: Lane,
    pull: Lane,
    outage: Outage,
    jitter: SplitMix64,
}

/// A COMPUTE that takes longer than its interval is due again at once, and would starve the store
/// for ever. So after each COMPUTE both directions get a turn to give up and one to start. More
/// turns would delay COMPUTE.
const TURNS: u8 = 4;

impl Pulse {
    /// A machine whose first COMPUTE is due one interval after `now`.
    #[must_use]
    pub fn new(config: PulseConfig, now: Mono) -> Self {
        Self {
            now,
            computed_at: now,
            compute_due: now.after(config.interval()),
            turns: 0,
            dirty: false,
            push: Lane::ready(now),
            pull: Lane::ready(now),
            outage: Outage::default(),
            jitter: SplitMix64::new(config.jitter_seed()),
            config,
        }
    }

    /// What to do now. Ask again after doing it; only [`Step::Wait`] lets time pass.
    pub fn next(&mut self, now: Mono) -> Step {
        self.observe(now);
        let due = now >= self.compute_due;
        if due && self.turns == 0 {
            return self.compute(now);
        }
        if let Some(step) = self.flight_step(now) {
            self.turns = self.turns.saturating_sub(1);
            return step;
        }
        if due {
            return self.compute(now);
        }
        self.turns = 0;
        Step::Wait { until: self.wake_at() }
    }

    /// BUFFER: how many routes wait to be stored. Reported after each COMPUTE, and at any other
    /// time.
    pub fn buffered(&mut self, dirty: usize) {
        self.dirty = dirty > 0;
    }

    /// Starts a push without waiting for a back-off or a COMPUTE, for a caller that must know now
    /// whether everything is stored. False if one is in flight.
    pub fn push_at_once(&mut self, now: Mono) -> bool {
        self.observe(now);
        let idle = !self.push.in_flight();
        if idle {
            self.dirty = false;
            self.push.start(now, self.config.push_budget(), Duration::ZERO);
        }
        idle
    }

    /// A push ended. Ignored if none is in flight (it was abandoned).
    pub fn pushed<T, E>(&mut self, now: Mono, result: &Result<T, E>) -> Option<Transition> {
        self.landed(Flight::Push, now, result.is_ok())
    }

    /// A push ended well, and not everything that failed before is stored yet: nothing is
    /// recovered, and the next push may start at once. Ignored if none is in flight.
    pub fn pushed_in_part(&mut self, now: Mono) {
        self.observe(now);
        self.push.land_in_part(now);
    }

    /// What failed will be refused again, by any word of the store: the next push waits for about
    /// the longest time that there is.
    pub fn leave_alone(&mut self, now: Mono) {
        let wait = self.config.backoff().most().mul_f64(1.0 - 0.2 * self.jitter.unit());
        self.push.wait_until(now.after(wait));
    }

    /// A pull ended. Ignored if none is in flight (it was abandoned).
    pub fn pulled<T, E>(&mut self, now: Mono, result: &Result<T, E>) -> Option<Transition> {
        self.landed(Flight::Pull, now, result.is_ok())
    }

    /// Whether something fails at present.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.outage.is_on()
    }

    /// Missed ticks are one COMPUTE with a larger `dt`, never a burst; the grid of ticks stays
    /// where it was, so that the count over a long time is exact.
    fn compute(&mut self, now: Mono) -> Step {
        let dt = now.since(self.computed_at);
        let interval = nanos(self.config.interval());
        let missed = nanos(now.since(self.compute_due)) / interval;
        let ahead = interval.saturating_mul(missed.saturating_add(1));
        self.compute_due = self.compute_due.after(Duration::from_nanos(ahead));
        self.computed_at = now;
        self.turns = TURNS;
        Step::Compute { dt }
    }

    /// What there is to start or to give up.
    fn flight_step(&mut self, now: Mono) -> Option<Step> {
        if self.push.is_over(now) {
            return Some(self.abandon(Flight::Push, now));
        }
        if self.pull.is_over(now) {
            return Some(self.abandon(Flight::Pull, now));
        }
        // Pushes need no pace of their own: each COMPUTE makes at most one.
        if self.wants_push() && self.push.may_start(now) && self.push_at_once(now) {
            return Some(Step::Push);
        }
        let every = self.config.pull_interval().filter(|_| self.pull.may_start(now))?;
        self.pull.start(now, self.config.pull_budget(), every);
        Some(Step::Pull)
    }

    fn abandon(&mut self, flight: Flight, now: Mono) -> Step {
        // What the push carried did not arrive.
        self.dirty |= flight == Flight::Push;
        Step::Abandon { flight, transition: self.landed(flight, now, false) }
    }

    fn landed(&mut self, flight: Flight, now: Mono, ok: bool) -> Option<Transition> {
        self.observe(now);
        let lane = match flight {
            Flight::Push => &mut self.push,
            Flight::Pull => &mut self.pull,
        };
        if !lane.land(now, ok, &self.config, &mut self.jitter) {
            return None;
        }
        if flight == Flight::Push && !ok {
            self.dirty = true;
        }
        self.outage.note(self.push.failing() || self.pull.failing(), now).map(|turn| match turn {
            Turn::Began => Transition::Degraded { flight },
            Turn::Ended(outage) => Transition::Recovered { outage },
        })
    }

    /// A failing push is tried again even if nothing is dirty any more: nothing else would show
    /// that the store works.
    fn wants_push(&self) -> bool {
        self.dirty || self.push.failing()
    }

    fn wake_at(&self) -> Mono {
        let mut until = self.compute_due;
        if self.push.in_flight() || self.wants_push() {
            until = until.min(self.push.wakes_at());
        }
        if self.pull.in_flight() || self.config.pull_interval().is_some() {
            until = until.min(self.pull.wakes_at());
        }
        until
    }

    /// A clock that went back takes every stored instant back with it: spans go on where they were,
    /// instead of standing still until the clock has caught up.
    fn observe(&mut self, now: Mono) {
        let back = self.now.since(now);
        if !back.is_zero() {
            for at in [&mut self.computed_at, &mut self.compute_due] {
                *at = before(*at, back);
            }
            self.push.shift_back(back);
            self.pull.shift_back(back);
            self.outage.0 = self.outage.0.map(|at| before(at, back));
        }
        self.now = now;
    }
}

fn before(at: Mono, span: Duration) -> Mono {
    Mono::from_nanos(at.as_nanos().saturating_sub(nanos(span)))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
