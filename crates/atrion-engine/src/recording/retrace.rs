// SPDX-License-Identifier: Apache-2.0
//! The decisions of a recording, taken again.
//!
//! This is *open loop*: the telemetry is what it was, whatever is decided now. With the
//! configuration of the recording that is a proof, to the bit. With another one it says how that
//! law would have judged the same telemetry, and not what would have happened: a law that sheds
//! otherwise measures something else the next moment.

use std::time::Duration;

use super::{Decided, PulseRecord, Start};
use crate::physics::{Fed, Model, TickCache};

/// Takes the decisions of one [`Part`](super::Part) again.
#[derive(Debug)]
pub struct Retrace {
    model: Model,
    ticks: TickCache,
}

impl Retrace {
    /// From where the part starts, under the configuration of the start. With another one in its
    /// place the retrace asks another law.
    #[must_use]
    pub fn of(start: &Start) -> Self {
        Self { model: start.resume(), ticks: TickCache::default() }
    }

    /// The next pulse: what the physics decides on what it was fed. The recorded decision is not
    /// looked at.
    pub fn pulse(&mut self, pulse: &PulseRecord) -> Decided {
        let PulseRecord { at, idle_ns, dt_ns, window, merged, share, by_group, signal, .. } = *pulse;
        let (idle, dt) = (Duration::from_nanos(idle_ns), Duration::from_nanos(dt_ns));
        let fed = Fed { now: at, idle, dt, before: &pulse.before, during: &pulse.during, window };
        self.model.compute(&fed, &mut self.ticks);
        Decided::by(&self.model, merged, share, by_group, signal, window.in_flight, at)
    }
}
