// SPDX-License-Identifier: Apache-2.0
//! Whose trouble it is: a route's own, or that of the pool that it shares.
//!
//! Each trouble is to be judged by one gate. A queue before a shared pool makes all routes wait
//! alike, and the group's gate sees all of it; a route that learned a limit from it as well would
//! refuse what the pool can serve. What only one route waits for, or fails at, is its own: its gate
//! acts, and the group must not hear of it, or the other routes would pay.
//!
//! The sign is the difference to the other routes: as long as a route waits and fails no more than
//! they do, its gate leaves the crowd to the group's. `manual/physics.md` section 3.8.

use std::sync::Mutex;

use atrion_core::adaptive::{AdaptiveState, Window};
use atrion_state::lock;

/// What the routes of a group measure, summed up from one COMPUTE of the group to the next.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<Rounds>);

#[derive(Debug, Default)]
struct Rounds {
    /// The number of the round that is being summed up.
    current: u64,
    sum: Sums,
    /// The round before it.
    last: Sums,
}

/// Means over calls, kept as sums: the weight is successes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    weight: f64,
    /// L - L0, in seconds.
    waiting: f64,
    /// L / L0.
    stretch: f64,
    /// e.
    errors: f64,
}

/// A route's own part, and what follows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Attribution {
    /// What the route gave to the round of that number.
    given: (u64, Sums),
    blame: Blame,
}

/// Whose trouble it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Blame {
    /// There is none, or no other route to compare with.
    #[default]
    None,
    /// The group's: the others wait, too.
    Shared,
    /// The route's.
    Own,
}

impl Members {
    /// The next round begins: the group has been computed.
    pub(crate) fn turn(&self) {
        let mut rounds = lock(&self.0);
        rounds.current += 1;
        rounds.last = std::mem::take(&mut rounds.sum);
    }

    /// What the others measured in the last round, of which `given` is the caller's part. Takes
    /// `own` for this one.
    fn exchange(&self, given: (u64, Sums), own: Sums) -> (u64, Sums) {
        let mut rounds = lock(&self.0);
        rounds.sum = rounds.sum.plus(own, 1.0);
        let is_in = given.0 + 1 == rounds.current;
        (rounds.current, if is_in { rounds.last.plus(given.1, -1.0) } else { rounds.last })
    }
}

impl Attribution {
    /// Compares the route with the others of its group.
    pub(super) fn judge(
        &mut self,
        members: Option<&Members>,
        state: Option<&AdaptiveState>,
        window: &Window,
    ) {
        let (Some(members), Some(state)) = (members, state) else {
            *self = Self::default();
            return;
        };
        let own = Sums::of(state, window);
        let (round, others) = members.exchange(self.given, own.unwrap_or_default());
        self.given = (round, own.unwrap_or_default());
        self.blame = own.map_or(Blame::None, |own| own.blame(others));
    }

    /// The crowd is the group's affair.
    pub(super) fn leaves_the_crowd_to_the_group(&self) -> bool {
        self.blame == Blame::Shared
    }

    /// What goes wrong is no affair of the group.
    pub(super) fn is_own(&self) -> bool {
        self.blame == Blame::Own
    }
}

impl Sums {
    fn of(state: &AdaptiveState, window: &Window) -> Option<Self> {
        let (latency, baseline) = (state.latency()?, state.baseline()?);
        // Calls that do not come back say how long they wait by their ages.
        let latency = latency.max(window.mean_age);
        let weight = state.throughput();
        (weight > 0.0 && baseline > 0.0).then(|| Self {
            weight,
            waiting: weight * (latency - baseline).max(0.0),
            stretch: weight * (latency / baseline).max(1.0),
            errors: weight * state.error_share(),
        })
    }

    fn plus(self, other: Self, times: f64) -> Self {
        Self {
            weight: self.weight + times * other.weight,
            waiting: self.waiting + times * other.waiting,
            stretch: self.stretch + times * other.stretch,
            errors: self.errors + times * other.errors,
        }
    }

    /// Compares by the time and by its ratio, because a queue adds the same to each call, and a
    /// processor that is shared slows each down alike.
    fn blame(self, others: Self) -> Blame {
        if others.weight <= FEW * self.weight {
            return Blame::None;
        }
        let mean = |sum: f64, of: Self| (sum / of.weight).max(0.0);
        let (own, rest) = (|sum| mean(sum, self), |sum| mean(sum, others));
        let waits = own(self.waiting) > TIMES * rest(others.waiting)
            && own(self.stretch) > TIMES * rest(others.stretch);
        // A route with few calls a second fails more than the others by chance, and is no harm.
        let expected = rest(others.errors);
        let chance = SPREAD * (expected / self.weight.max(1.0)).sqrt();
        let fails = own(self.errors) > TIMES * expected + chance
            && self.errors > SOME * (self.weight + others.weight);
        if waits || fails {
            Blame::Own
        } else if rest(others.stretch) > WAITING {
            Blame::Shared
        } else {
            Blame::None
        }
    }
}

/// How many times as much as the others a route waits or fails whose trouble is its own.
const TIMES: f64 = 2.0;

/// Others that take so many times as long as they should wait for something.
const WAITING: f64 = 1.5;

/// Others with less than this part of the route's calls say nothing.
const FEW: f64 = 0.05;

/// Standard deviations of what is counted in a second above which it is no chance.
const SPREAD: f64 = 3.0;

/// Fewer failures than this, of all calls of the group, do its gate no harm.
const SOME: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    fn route(weight: f64, latency: f64, baseline: f64, errors: f64) -> Sums {
        Sums {
            weight,
            waiting: weight * (latency - baseline),
            stretch: weight * latency / baseline,
            errors: weight * errors,
        }
    }

    #[test]
    fn a_shared_queue_and_a_shared_processor_are_nobodys_own() {
        let others = route(100.0, 0.05 + 0.2, 0.05, 0.0);
        let (short, long) = (route(50.0, 0.01 + 0.2, 0.01, 0.0), route(5.0, 1.0 + 0.2, 1.0, 0.0));
        assert!(short.blame(others) == Blame::Shared && long.blame(others) == Blame::Shared);
        let slowed = route(100.0, 0.15, 0.05, 0.0);
        assert_eq!(route(5.0, 3.0, 1.0, 0.0).blame(slowed), Blame::Shared);
        assert_eq!(route(50.0, 0.25, 0.05, 0.3).blame(route(100.0, 0.25, 0.05, 0.2)), Blame::Shared);
    }

    #[test]
    fn what_only_one_route_waits_for_or_fails_at_is_its_own() {
        let others = route(100.0, 0.06, 0.05, 0.01);
        assert_eq!(route(10.0, 2.05, 0.05, 0.0).blame(others), Blame::Own);
        assert_eq!(route(300.0, 0.06, 0.05, 0.4).blame(others), Blame::Own);
        let nobody = Sums::default();
        assert_eq!(route(10.0, 2.05, 0.05, 0.5).blame(nobody), Blame::None);
    }

    #[test]
    fn a_route_is_compared_with_the_others_alone() {
        let members = Members::default();
        let (sick, well) = (route(10.0, 2.0, 0.05, 0.0), route(10.0, 0.05, 0.05, 0.0));
        let mut given = [(0, Sums::default()); 2];
        for _ in 0..3 {
            members.turn();
            for (given, own) in given.iter_mut().zip([sick, well]) {
                let (round, others) = members.exchange(*given, own);
                let expected = if own == sick { well } else { sick };
                if round > 1 {
                    assert_eq!(others, expected);
                }
                *given = (round, own);
            }
        }
        // A route that was quiet for a round is not in it.
        members.turn();
        let (round, others) = members.exchange(given[0], sick);
        assert_eq!((round, others), (4, well));
        members.turn();
        let (_, others) = members.exchange(given[1], well);
        assert_eq!(others, sick);
    }
}
