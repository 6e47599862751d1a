// SPDX-License-Identifier: Apache-2.0
//! Requests that cost more than one unit: what they weigh beyond the one that each is counted as.
//!
//! A request is admitted as one unit, and what it costs beyond that is put on it at once: the gate
//! asks how many units are before a request and not how many it brings, so a heavy one waits for no
//! more room than a light one, and at most one request's cost goes beyond what the gate allows (one
//! for each thread that is inside of `admit`). A route that never sees such a request has none of
//! this.
//!
//! Their ages are not told: a call of many units may well take longer than others, and is not
//! overtaken for it.

use std::sync::OnceLock;

use atrion_core::Mono;
use atrion_core::adaptive::Work;

use super::stripe::Verdict;
use super::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};
use super::{Live, Ticket};

/// The weights of a route: none at first.
#[derive(Debug, Default)]
pub(super) struct Weights(OnceLock<Box<Weighed>>);

/// Sums of what calls cost beyond one unit each. All run on and wrap; each stands for itself, and
/// readers tolerate that they run a little apart.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Weighed {
    admitted: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    answered: AtomicU64,
    in_time: AtomicU64,
    /// Of answers, `c^2 - 1`.
    squares: AtomicU64,
    /// Of answers, `(c - 1) L`, in unit nanoseconds.
    latency: AtomicU64,
    /// As the stripes' of the same name, for the units beyond the first.
    offsets: AtomicU64,
    held: AtomicU64,
    /// The grain as of the last tick, as a float, and how far latency goes with cost.
    grain: AtomicU32,
    share: AtomicU32,
    /// The most that a call has cost while nothing was known; 0 as soon as something is.
    young: AtomicU32,
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WeightReading {
    admitted: u64,
    ended: u64,
    refused: u64,
    failed: u64,
    answered: u64,
    in_time: u64,
    squares: u64,
    latency: u64,
    pub(crate) offsets: u64,
    pub(crate) held: u64,
}

impl WeightReading {
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            admitted: self.admitted.wrapping_sub(earlier.admitted),
            ended: self.ended.wrapping_sub(earlier.ended),
            refused: self.refused.wrapping_sub(earlier.refused),
            failed: self.failed.wrapping_sub(earlier.failed),
            answered: self.answered.wrapping_sub(earlier.answered),
            in_time: self.in_time.wrapping_sub(earlier.in_time),
            squares: self.squares.wrapping_sub(earlier.squares),
            latency: self.latency.wrapping_sub(earlier.latency),
            offsets: self.offsets.wrapping_sub(earlier.offsets),
            held: self.held.wrapping_sub(earlier.held),
        }
    }

    /// Units that came beyond one a call; fewer than none where more was taken back.
    pub(crate) fn begun(&self) -> i64 {
        self.admitted as i64
    }

    /// Units that went likewise.
    pub(crate) fn gone(&self) -> i64 {
        self.ended as i64
    }

    pub(crate) fn work(&self) -> Work {
        Work {
            admitted: self.admitted as i64 as f64,
            refused: self.refused as f64,
            failed: self.failed as f64,
            answered: self.answered as f64,
            in_time: self.in_time as f64,
            squares: self.squares as f64,
            latency: self.latency as f64 * 1e-9,
        }
    }
}

impl Ticket {
    /// What the call counts as, in units.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.units.max(1))
    }
}

impl Live {
    fn weighed(&self) -> Option<&Weighed> {
        self.weights.0.get().map(|weighed| &**weighed)
    }

    /// The route has seen a request of more than one unit.
    pub(super) fn is_weighted(&self) -> bool {
        self.weighed().is_some()
    }

    /// The call costs `units` from now on. Neither waits nor refuses, whatever the gate says: the
    /// work is there.
    #[cold]
    pub(crate) fn weigh(&self, slot: usize, ticket: Ticket, units: u32, now: Mono) {
        let weighed = self.weights.0.get_or_init(|| Box::new(Weighed { grain: one(), ..Weighed::default() }));
        let lane = self.lane(slot);
        let more = i64::from(units) - ticket.cost() as i64;
        if ticket.units == 0 {
            // Its age is told no more.
            match self.span_of(ticket.start) {
                Some(span) => lane.left(ticket, span),
                None => self.one_overtaken_less(ticket),
            }
        }
        self.move_in_flight(lane, more);
        let add = |sum: &AtomicU64, value: i64| _ = sum.fetch_add(value as u64, Relaxed);
        add(&weighed.admitted, more);
        add(&weighed.offsets, more.wrapping_mul(self.since_window(now)));
        // It takes its whole age along when it ends, and these units are younger.
        add(&weighed.held, more.wrapping_mul(now.nanos_since(ticket.start) as i64).wrapping_neg());
        if f32::from_bits(weighed.grain.load(Relaxed)) <= 1.0 && weighed.young.load(Relaxed) != KNOWN {
            weighed.young.fetch_max(units.min(KNOWN - 1), Relaxed);
        }
        self.touch();
    }

    /// Takes off what a call weighs that has ended so.
    #[cold]
    pub(super) fn weigh_end(&self, ticket: Ticket, verdict: Verdict, now: Mono) {
        let Some(weighed) = self.weighed() else { return };
        let (more, nanos) = (ticket.cost() - 1, now.nanos_since(ticket.start));
        let add = |sum: &AtomicU64, value: u64| _ = sum.fetch_add(value, Relaxed);
        add(&weighed.ended, more);
        add(&weighed.offsets, more.wrapping_mul(self.since_window(now) as u64).wrapping_neg());
        add(&weighed.held, more.wrapping_mul(nanos));
        if verdict == Verdict::Failed {
            add(&weighed.failed, more);
        }
        if verdict.is_answer() {
            add(&weighed.answered, more);
            add(&weighed.squares, ticket.cost() * ticket.cost() - 1);
            add(&weighed.latency, more.wrapping_mul(nanos));
            if verdict != Verdict::Late {
                add(&weighed.in_time, more);
            }
        }
    }

    /// A stream of this call has failed.
    #[cold]
    pub(super) fn weigh_broken(&self, ticket: Ticket) {
        if let Some(weighed) = self.weighed() {
            weighed.failed.fetch_add(ticket.cost() - 1, Relaxed);
        }
    }

    /// A refused request would have cost so much.
    #[cold]
    pub(crate) fn weigh_refusal(&self, units: u32) {
        if let Some(weighed) = self.weighed() {
            weighed.refused.fetch_add(u64::from(units.saturating_sub(1)), Relaxed);
        }
    }

    pub(crate) fn read_weights(&self) -> WeightReading {
        let Some(weighed) = self.weighed() else { return WeightReading::default() };
        let read = |sum: &AtomicU64| sum.load(Relaxed);
        WeightReading {
            admitted: read(&weighed.admitted),
            ended: read(&weighed.ended),
            refused: read(&weighed.refused),
            failed: read(&weighed.failed),
            answered: read(&weighed.answered),
            in_time: read(&weighed.in_time),
            squares: read(&weighed.squares),
            latency: read(&weighed.latency),
            offsets: read(&weighed.offsets),
            held: read(&weighed.held),
        }
    }

    /// What the tick has learned of costs: a grain above one is knowledge.
    pub(super) fn publish_grain(&self, grain: f64, share: f64) {
        if let Some(weighed) = self.weighed() {
            weighed.grain.store((grain as f32).to_bits(), Relaxed);
            weighed.share.store((share as f32).to_bits(), Relaxed);
            if grain > 1.0 {
                weighed.young.store(KNOWN, Relaxed);
            }
        }
    }

    /// How many times its slots a gate has that does not know yet what requests cost: room for as
    /// many of the heaviest as there is for requests of one unit.
    pub(super) fn young_grain(&self) -> f32 {
        let young = self.weighed().map_or(0, |weighed| weighed.young.load(Relaxed));
        if young == KNOWN { 1.0 } else { young.max(1) as f32 }
    }

    /// Units as requests of the usual weight.
    pub(super) fn in_grains(&self, units: i64) -> i64 {
        match self.weighed() {
            None => units,
            Some(weighed) => {
                let known = f32::from_bits(weighed.grain.load(Relaxed));
                (units as f64 / f64::from(known.max(self.young_grain()))).ceil() as i64
            }
        }
    }

    /// How many calls so many units are: whether calls hang is a matter of their number.
    pub(super) fn calls_of(&self, in_flight: u64) -> u64 {
        self.in_grains(i64::try_from(in_flight).unwrap_or(i64::MAX)).unsigned_abs()
    }

    /// How long a call of one grain would have taken.
    pub(super) fn alike(&self, ticket: Ticket, nanos: u64) -> u64 {
        let Some(weighed) = self.weighed() else { return nanos };
        let read = |cell: &AtomicU32| f64::from(f32::from_bits(cell.load(Relaxed)));
        let (grain, share) = (read(&weighed.grain).max(1.0), read(&weighed.share));
        (nanos as f64 / (1.0 - share + share * ticket.cost() as f64 / grain).max(1e-6)) as u64
    }

    fn since_window(&self, now: Mono) -> i64 {
        now.as_nanos().wrapping_sub(self.window_start().as_nanos()) as i64
    }
}

fn one() -> AtomicU32 {
    AtomicU32::new(1f32.to_bits())
}

/// The grain is known.
const KNOWN: u32 = u32::MAX;
