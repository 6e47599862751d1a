// SPDX-License-Identifier: Apache-2.0
//! Calls on their way, in a slab: a place is used again as soon as its call is over.

use super::Arrival;

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) arrival: Arrival,
    /// When this attempt came to the gate, in nanoseconds.
    pub(crate) start: u64,
    /// It waits at the gate.
    pub(crate) waits: bool,
    /// When a worker took it.
    pub(crate) served: u64,
    /// 0 for the first.
    pub(crate) attempt: u32,
    /// The client has left; the answer will not be read.
    pub(crate) abandoned: bool,
    /// The gate has heard the end of it already.
    pub(crate) told: bool,
    /// Which of the scenario's nuisances it is of; such a call is not scored.
    pub(crate) nuisance: Option<u8>,
    /// What the callee will answer.
    pub(crate) fails: bool,
    /// Tells a timer whether the place still holds the call that it was set for.
    pub(crate) generation: u32,
}

/// The slab.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    all: Vec<Call>,
    free: Vec<u32>,
}

impl Calls {
    pub(crate) fn insert(&mut self, arrival: Arrival, attempt: u32) -> u32 {
        let fresh = Call {
            arrival,
            start: 0,
            waits: false,
            served: 0,
            attempt,
            abandoned: false,
            told: false,
            nuisance: None,
            fails: false,
            generation: 0,
        };
        match self.free.pop() {
            Some(place) => {
                let old = &mut self.all[place as usize];
                *old = Call { generation: old.generation.wrapping_add(1), ..fresh };
                place
            }
            None => {
                self.all.push(fresh);
                (self.all.len() - 1) as u32
            }
        }
    }

    pub(crate) fn remove(&mut self, place: u32) {
        let call = &mut self.all[place as usize];
        call.generation = call.generation.wrapping_add(1);
        self.free.push(place);
    }

    #[inline]
    pub(crate) fn get(&self, place: u32) -> &Call {
        &self.all[place as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> &mut Call {
        &mut self.all[place as usize]
    }
}
