// SPDX-License-Identifier: Apache-2.0
//! The decisions of a recording, taken again.
//!
//! This is *open loop*: the telemetry is what it was, whatever is decided now. With the configuration of the recording
//! that is a proof, to the bit. With another one it says how that law would have judged the same telemetry, and not what
//! would have happened: whoever sheds otherwise measures something else the next moment.

use std::sync::Arc;
use std::time::Duration;

use super::{Decided, Pulse, Start, Turn};
use crate::config::RouteConfig;
use crate::live::Reading;
use crate::physics::{Measured, Model, TickCache};

/// Takes the decisions of one [`Part`](super::Part) again.
#[derive(Debug)]
pub struct Retrace {
    config: Arc<RouteConfig>,
    model: Model,
    cache: TickCache,
}

impl Retrace {
    /// From where the part starts, under its own configuration.
    #[must_use]
    pub fn of(start: &Start) -> Self {
        Self::under(start, start.config.clone())
    }

    /// The same under another configuration. Another preset takes over the scar, as in a running instance.
    #[must_use]
    pub fn under(start: &Start, config: RouteConfig) -> Self {
        let model = if start.state.0.fits(&config.physics) {
            start.state.0.clone()
        } else {
            Model::with_scar(&config.physics, start.state.0.scar(), start.at)
        };
        Self { config: Arc::new(config), model, cache: TickCache::default() }
    }

    /// The next pulse: what the physics decides on what it was fed. The recorded decision is not looked at.
    pub fn pulse(&mut self, pulse: &Pulse) -> Decided {
        let Self { config, model, cache } = self;
        model.follow(&pulse.before, &config.physics);
        if pulse.idle_ns > 0 {
            let tick = model.tick(Duration::from_nanos(pulse.idle_ns), &config.physics, cache, config);
            model.idle(&tick, pulse.at, config);
        }
        model.follow(&pulse.during, &config.physics);
        let measured = Measured { window: pulse.window, counted: Reading::default() };
        let tick = model.tick(Duration::from_nanos(pulse.dt_ns), &config.physics, cache, config);
        model.step(&tick, &measured, pulse.window.report.as_ref(), pulse.at, config);
        let Pulse { merged, reported, .. } = *pulse;
        Decided::by(model, &config.physics, merged, reported, pulse.window.in_flight, pulse.at)
    }
}

impl Model {
    /// What the request path has done to the breaker, in order.
    pub(crate) fn follow(&mut self, turns: &[Turn], physics: &crate::Physics) {
        for turn in turns {
            match turn {
                Turn::Closed => self.closed(physics),
                Turn::Opened => self.opened_dead(physics),
            }
        }
    }
}
