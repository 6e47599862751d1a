// SPDX-License-Identifier: Apache-2.0
//! Clients, a gate and the server, in virtual time that jumps from event to event.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use atrion_core::Mono;

use super::batch::{Batch, Event, Sequence};
use super::clients::{CALM, CROWDED, Request, Row};
use super::gates::{Gate, Load, Verdicts};
use super::tally::{Outcome, Tally};
use crate::plant::nanos;

/// What happens next, by its time; of one instant in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    StepEnds,
    /// The server hears that this client has left.
    Hears(usize),
    /// Its first token has not come for too long.
    GivesUp(usize),
    Leaves(usize),
    Arrives(usize),
    Ticks,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the gate, or on its way.
    Outside,
    Inside,
    /// At its client, by and by.
    Read,
    /// Answered, refused, or left.
    Gone,
}

struct World<'a> {
    requests: &'a [Request],
    gate: &'a mut dyn Gate,
    batch: Batch,
    events: BinaryHeap<Reverse<(u64, Next)>>,
    places: Vec<Place>,
    tally: Tally,
    verdicts: Verdicts,
    is_at_work: bool,
}

pub(super) fn run(row: &Row, seed: u64, gate: &mut dyn Gate) -> Outcome {
    let requests = row.requests(seed);
    let mut world = World {
        requests: &requests,
        gate,
        batch: Batch::new(row.model),
        events: BinaryHeap::new(),
        places: vec![Place::Outside; requests.len()],
        tally: Tally::new(&requests),
        verdicts: Verdicts::new(),
        is_at_work: false,
    };
    world.after(0.0, 0.0, Next::Ticks);
    if let Some(first) = requests.first() {
        world.after(first.at, 0.0, Next::Arrives(0));
    }
    while let Some(Reverse((at, next))) = world.events.pop() {
        let now = at as f64 * 1e-9;
        if now >= CALM + CROWDED {
            break;
        }
        world.happens(now, Mono::from_nanos(at), next);
    }
    world.tally.outcome()
}

impl World<'_> {
    fn after(&mut self, now: f64, seconds: f64, next: Next) {
        self.events.push(Reverse((nanos(now + seconds), next)));
    }

    fn happens(&mut self, now: f64, at: Mono, next: Next) {
        match next {
            Next::Ticks => {
                let (memory, queued) = self.batch.load();
                self.gate.tick(at, Load { memory, queued }, &mut self.verdicts);
                self.after(now, TICK, Next::Ticks);
            }
            Next::Arrives(id) => {
                if let Some(following) = self.requests.get(id + 1) {
                    self.after(following.at, 0.0, Next::Arrives(id + 1));
                }
                self.after(now, self.requests[id].patience, Next::GivesUp(id));
                self.gate.arrives(at, id, &self.requests[id], &mut self.verdicts);
            }
            Next::GivesUp(id) if self.places[id] == Place::Read => {}
            Next::GivesUp(id) | Next::Leaves(id) => self.leaves(now, at, id),
            Next::Hears(id) => self.batch.abort(id),
            Next::StepEnds => self.step_ends(now, at),
        }
        self.decide();
        self.begin(now);
    }

    /// Does what the gate has decided.
    fn decide(&mut self) {
        let mut verdicts = std::mem::take(&mut self.verdicts);
        for (id, passes) in verdicts.drain(..) {
            if self.places[id] == Place::Outside {
                self.places[id] = if passes { Place::Inside } else { Place::Gone };
                if passes {
                    let Request { prompt, output, .. } = self.requests[id];
                    self.batch.push(Sequence::new(id, prompt, output));
                }
            }
        }
        self.verdicts = verdicts;
    }

    fn begin(&mut self, now: f64) {
        if !self.is_at_work
            && let Some(seconds) = self.batch.begin()
        {
            self.is_at_work = true;
            self.after(now, seconds, Next::StepEnds);
        }
    }

    /// The gate sees it at once: its connection is closed. The server hears a little later.
    fn leaves(&mut self, now: f64, at: Mono, id: usize) {
        let place = std::mem::replace(&mut self.places[id], Place::Gone);
        if place == Place::Gone {
            return;
        }
        self.tally.has_left(now, id);
        self.gate.ends(at, id, false, &mut self.verdicts);
        if place != Place::Outside {
            self.after(now, NOTICED, Next::Hears(id));
        }
    }

    fn step_ends(&mut self, now: f64, at: Mono) {
        self.is_at_work = false;
        let Self { requests, gate, batch, places, tally, verdicts, events, .. } = self;
        batch.end(|id, event| match event {
            Event::Worked(tokens, again) => tally.worked(now, id, tokens, again),
            Event::Token { is_first } => {
                tally.token(now, id, &requests[id], is_first);
                if is_first && places[id] == Place::Inside {
                    places[id] = Place::Read;
                    gate.first_token(at, id);
                    events.push(Reverse((nanos(now + requests[id].reads), Next::Leaves(id))));
                }
            }
            Event::Done => {
                if places[id] != Place::Gone {
                    places[id] = Place::Gone;
                    gate.ends(at, id, true, verdicts);
                }
            }
        });
    }
}

/// As in production, in seconds.
const TICK: f64 = 0.1;
/// How long a server works on for a client that has left, in seconds.
const NOTICED: f64 = 0.5;
