// SPDX-License-Identifier: Apache-2.0
//! What goes from a route's physics to its requests, and what comes back between two ticks: a gate
//! and a mode one way, openings and closings the other.

use atrion_core::{Ladder, Law, Mode, Mono, Ohms};

use super::RoutePhysics;
use super::turn::Turn;
use crate::live::{Live, Publication};
use crate::signal::id_of;

impl RoutePhysics {
    /// What the request path has done to the breaker since this was last asked. The caller hands it
    /// to the model.
    pub(super) fn catch_up(&mut self, live: &Live) -> Vec<Turn> {
        let control = live.control();
        let steps = control.generation().wrapping_sub(self.generation);
        let mut turns = Vec::new();
        if steps == 0 {
            return turns;
        }
        let is_open = control.mode() == Mode::CircuitBreaker;
        // Of several changes the last closing and the last opening count.
        if steps > 1 || !is_open {
            turns.push(Turn::Closed);
            // A failure that raced the closing may have left some. Failures since then made none.
            live.forget_debt();
        }
        if is_open {
            turns.push(Turn::Opened);
        }
        self.generation = control.generation();
        turns
    }

    /// What the model has decided reaches the requests: first the transition, then the gate.
    pub(super) fn publish(&mut self, live: &Live, ladder: &Ladder, now: Mono) {
        let in_flight = live.exact_in_flight_signed().max(0) as u64;
        self.carry_out(live, now);
        live.publish(&self.publication(now, in_flight), ladder);
        // A probe may have closed the breaker while the gate was being made.
        if live.has_moved_on(self.generation) {
            let turns = self.catch_up(live);
            self.model.follow(&turns);
            if !self.taps.is_empty() {
                self.untold.extend(turns);
            }
            live.publish(&self.publication(now, in_flight), ladder);
        }
    }

    /// A transition that the tick has decided reaches the requests.
    fn carry_out(&mut self, live: &Live, now: Mono) {
        let (decided, current) = (self.model.mode(), live.control());
        // A request that has opened or closed since the tick began knew more than the tick:
        // `catch_up` comes first.
        let generation = self.generation;
        let turned = match (current.mode(), decided) {
            (Mode::CircuitBreaker, Mode::CircuitBreaker) => false,
            (_, Mode::CircuitBreaker) => live.open(generation, now),
            // Only the literal law and a reset close at a tick.
            (Mode::CircuitBreaker, _) => live.close(generation),
            _ => false,
        };
        self.generation = generation.wrapping_add(u32::from(turned));
        if decided != Mode::CircuitBreaker {
            live.change_mode(self.generation, decided);
        }
    }

    pub(super) fn publication(&self, now: Mono, in_flight: u64) -> Publication {
        let merged = self.hearsay.merged();
        let by_group = self.attribution.leaves_the_crowd_to_the_group();
        let alone = self.model.law(merged, by_group, in_flight, now);
        let law = self.model.narrowed(alone, self.shared.share());
        let mut terms = self.model.terms(merged, in_flight, now);
        // The fleet's crowd is a crowd, and no scar, which would take time to heal.
        terms.saturation = Ohms::saturating(terms.saturation.get() + law.rest.get() - alone.rest.get());
        let signalled = self.strongest_signal();
        terms.signal = self.model.signal(signalled);
        let under_signal =
            |law: Law| Law { rest: Ohms::saturating(law.rest.get() + terms.signal.get()), ..law };
        Publication {
            gate: under_signal(law).compile(),
            alone: under_signal(alone).compile(),
            healthy: Law { rest: terms.base, ..law }.compile(),
            terms,
            signal: signalled.and_then(|signalled| id_of(signalled.name)),
            debt_gain: self.model.debt_gain(),
            expected: self.model.expected(),
            uncharged: self.model.uncharged(),
            by_chance: self.model.failures_by_chance(),
            silence: self.shared.share().map_or(1, |share| share.silence()),
            grain: self.model.grain(),
            share: self.model.cost_share(),
        }
    }
}
