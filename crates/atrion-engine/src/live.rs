// SPDX-License-Identifier: Apache-2.0
//! The live side of a route: all that a request touches, and the one home of atomics.
//!
//! A request reads the control word, the gate and the in-flight count, and writes counters of its
//! own thread. It never locks, waits or allocates. The pulse publishes a new gate every tick; only
//! three things change between ticks, because they must not wait for one: debt, the opening of a
//! dead route, and its closing by a probe.
//!
//! # The in-flight count
//!
//! One shared counter would be the one contended line of the hot path. A busy route therefore keeps
//! changes per thread and flushes them at plus or minus `batch`, which grows with N* and is 1 while
//! N* is small. What may be unflushed in sum is the `margin`. A decision outside the margin is
//! certain without looking further; inside it the stripes are summed up. So a decision is always
//! taken on an exact sum; what remains is the race of every concurrent gate: threads that decide at
//! the same instant do not see each other. Why all this: `docs/adr/0002-counting-per-thread.md`.
//!
//! Invariant: the in-flight count that a decision sees differs from the true one by at most one for
//! each thread that is inside `admit` or `finish` at that instant (`batch` for one that is between
//! the two steps of a flush), plus `batch - 1` for each other thread that first shows up in this
//! tick.

mod admit;
mod ages;
mod control;
mod counting;
mod deadlines;
mod finish;
mod met;
mod offer;
mod published;
mod shares;
mod streams;
mod stripe;
mod sync;
mod tick;
mod transitions;
mod waiting;
mod weights;

#[cfg(all(test, atrion_loom))]
mod loom_tests;

use std::sync::Arc;
use std::time::Duration;

use atrion_core::adaptive::{DeadRule, Expected};
use atrion_core::{Gate, Ladder, Mode, Mono, Reason, SignalId, Spread, Terms, Tier, Volts};

use crate::heartbeat::Heartbeat;

pub(crate) use control::{Control, Force};
pub(crate) use streams::MOST_STREAMS;
pub(crate) use stripe::{REASONS, Reading, SPANS, TIERS, Verdict, reason_index, tier_index};
pub(crate) use waiting::{Closed, For, Waited, WaitingReading, later_by};
pub(crate) use weights::WeightReading;

use ages::{Overtaken, Spans};
use counting::Stripes;
use deadlines::Deadlines;
use published::PublishedTerms;
use shares::Shares;
pub(crate) use shares::agree_on;
pub use shares::tenant_of;
use stripe::Stripe;
use sync::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64};
use waiting::Waiting;
use weights::Weights;

/// The module's text says how it counts.
///
/// In groups, by their writers and how often they write: lines that every request reads must not
/// share a line with what requests write.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Live {
    // Read by every request, written by the pulse and by transitions.
    control: AtomicU64,
    gate: [AtomicU64; 2],
    slo: AtomicU64,
    /// When the pulse last looked: times of requests are summed up from here.
    window_start: AtomicU64,
    spans: Spans,
    cap: AtomicU32,
    batch: AtomicU32,
    margin: AtomicU32,
    sample_mask: AtomicU32,
    /// A request of the tier passes while fewer than this are in flight, whatever its place in the
    /// band. The margin is taken off.
    certain: [AtomicI32; TIERS],
    stripes: Stripes,

    // Read by every request; written only by flushes, failures and the first request after a quiet
    // time.
    in_flight: InFlight,
    /// Debt D in millionths of a request.
    debt: AtomicI64,
    /// Failures since the latest success.
    run: AtomicU32,
    /// Something has happened that the pulse has not looked at to the end.
    touched: AtomicBool,
    /// A failure of a request that started before this moment says nothing new.
    evidence_floor: AtomicU64,
    /// When what an operator has forced ends.
    forced_until: AtomicU64,
    /// Those of the in-flight count that wait for their client, and those whose answer is being
    /// sent.
    waiting: Waiting,
    /// Those of it that were overtaken.
    overtaken: Overtaken,

    // For refusals, failures and transitions.
    probes: AtomicU64,
    /// The latest admission that a refused request has noticed.
    last_pass: AtomicU64,
    /// The first word of the gate of a healthy route: what a closing publishes without waiting for
    /// the tick.
    healthy: AtomicU64,
    /// The same of a dead route: what an opening publishes.
    broken: AtomicU64,
    /// The gate as it would be without the fleet's share, to say whose a refusal is.
    alone: [AtomicU64; 2],
    debt_gain: AtomicU32,
    scar_decay: AtomicU32,
    dead_after: AtomicU32,
    /// Failures in a row that chance explains.
    by_chance: AtomicU32,
    /// See [`Publication::silence`].
    silence: AtomicU32,
    successes_to_close: AtomicU32,
    dead_silence: AtomicU64,
    /// How many of the crowd are not charged to a request, by its tier.
    uncharged: [AtomicU32; TIERS],
    /// The first moment at which a request asked for death while the pulse was away.
    woke: AtomicU64,
    heartbeat: Arc<Heartbeat>,
    /// Successes of probes, under the generation of their opening.
    successes: AtomicU64,
    terms: PublishedTerms,
    deadlines: Deadlines,
    weights: Weights,
    shares: Shares,
    born: Mono,
    base: Stripe,
}

/// The shared count starts a line of its own, away from what every request reads and none writes.
#[derive(Debug, Default)]
#[repr(align(64))]
struct InFlight(AtomicI64);

/// What the pulse publishes for one tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publication {
    pub(crate) gate: Gate,
    /// The gate without what the fleet leaves to this node.
    pub(crate) alone: Gate,
    pub(crate) healthy: Gate,
    pub(crate) terms: Terms,
    /// The signal that one of them is of.
    pub(crate) signal: Option<SignalId>,
    pub(crate) debt_gain: f64,
    pub(crate) expected: Expected,
    /// How many of the crowd are not charged to a request, by its tier.
    pub(crate) uncharged: [u32; TIERS],
    /// Failures in a row that chance explains.
    pub(crate) by_chance: u32,
    /// How many times as long as alone no request may have passed before one does: a node with a part
    /// of a fleet's N* is told by the others how the callee is.
    pub(crate) silence: u32,
    /// The grain, in units, and how far latency goes with cost.
    pub(crate) grain: f64,
    pub(crate) share: f64,
}

/// What a route's configuration says to its live side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) slo: Option<Duration>,
    /// lambda, per second: for the retry hint.
    pub(crate) scar_decay: f64,
    pub(crate) cap: Option<u32>,
    pub(crate) dead: DeadRule,
    pub(crate) successes_to_close: u32,
    /// The gate of a route whose breaker has just opened.
    pub(crate) broken: Gate,
    pub(crate) shadow: bool,
    pub(crate) spread: Spread,
}

/// What an admitted request carries of a gate.
///
/// The tier is apart from the mark: where the request is counted at its end must not wait for the
/// count that it met at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) start: Mono,
    pub(crate) tier: Tier,
    pub(crate) mark: Mark,
    /// What the call costs; 0 is a call of one unit whose age is told.
    pub(crate) units: u32,
}

/// What a gate writes on a request: the generation, and below it the count in flight at its
/// admission. One word, so that it stays in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    #[inline(always)]
    fn new(control: Control, in_flight: i64) -> Self {
        // More than a million in flight teach no more than a million do.
        let in_flight = in_flight.clamp(0, 1 << 20) as u64;
        Self(u64::from(control.generation()) << GENERATION | in_flight)
    }

    #[inline(always)]
    fn in_flight(self) -> u64 {
        u64::from(self.0 as u32)
    }

    fn generation(self) -> u32 {
        (self.0 >> GENERATION) as u32
    }
}

/// What a refused request met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) volts: Volts,
    pub(crate) tier: Tier,
    pub(crate) mode: Mode,
    pub(crate) in_flight: u64,
    pub(crate) debt: f64,
    pub(crate) gate: Gate,
}

const MILLIONTHS: f64 = 1e6;

/// The lowest bit of a mark's generation.
const GENERATION: u32 = 32;

impl Live {
    pub(crate) fn new(
        mode: Mode,
        first: &Publication,
        settings: &Settings,
        ladder: &Ladder,
        heartbeat: Arc<Heartbeat>,
        now: Mono,
    ) -> Self {
        let [rest, target] = first.gate.to_words();
        let live = Self {
            control: AtomicU64::new(Control::new(mode).0),
            gate: [AtomicU64::new(rest), AtomicU64::new(target)],
            healthy: AtomicU64::new(first.healthy.to_words()[0]),
            broken: AtomicU64::new(settings.broken.to_words()[0]),
            alone: first.alone.to_words().map(AtomicU64::new),
            slo: AtomicU64::new(u64::MAX),
            window_start: AtomicU64::new(now.as_nanos()),
            spans: Spans::default(),
            cap: AtomicU32::new(u32::MAX),
            batch: AtomicU32::new(1),
            margin: AtomicU32::new(0),
            sample_mask: AtomicU32::new(0),
            certain: Default::default(),
            in_flight: InFlight::default(),
            debt: AtomicI64::new(0),
            debt_gain: AtomicU32::new(0),
            scar_decay: AtomicU32::new(0),
            run: AtomicU32::new(0),
            dead_after: AtomicU32::new(u32::MAX),
            by_chance: AtomicU32::new(0),
            silence: AtomicU32::new(1),
            dead_silence: AtomicU64::new(u64::MAX),
            successes_to_close: AtomicU32::new(1),
            successes: AtomicU64::new(0),
            evidence_floor: AtomicU64::new(0),
            forced_until: AtomicU64::new(0),
            waiting: Waiting::default(),
            overtaken: Overtaken::default(),
            probes: AtomicU64::new(0),
            last_pass: AtomicU64::new(now.as_nanos()),
            touched: AtomicBool::new(false),
            uncharged: Default::default(),
            woke: AtomicU64::new(0),
            heartbeat,
            terms: PublishedTerms::default(),
            deadlines: Deadlines::default(),
            weights: Weights::default(),
            shares: Shares::default(),
            born: now,
            base: Stripe::default(),
            stripes: Stripes::default(),
        };
        live.configure(settings);
        live.publish(first, ladder);
        live
    }
}
