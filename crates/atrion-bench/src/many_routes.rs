// SPDX-License-Identifier: Apache-2.0
//! An engine with many routes, whose clock and pulse are driven by hand.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Config, Engine, Route};
use atrion_state::{Clock, FakeClock};

const TICK: Duration = Duration::from_millis(100);

/// The engine, its clock and its routes.
pub struct ManyRoutes {
    engine: Engine,
    clock: FakeClock,
    routes: Vec<Route>,
}

impl ManyRoutes {
    /// An engine with so many routes, on which nothing has happened.
    #[must_use]
    pub fn new(routes: usize) -> Self {
        let clock = FakeClock::new();
        let config = Config::default().max_routes(routes);
        let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK)
            .expect("the default configuration with more routes");
        let routes = (0..routes).map(|n| engine.route(&Self::name(n))).collect();
        Self { engine, clock, routes }
    }

    /// A typical name: that of the `n`th route.
    #[must_use]
    pub fn name(n: usize) -> String {
        format!("GET /api/v1/shops/{n}/checkout")
    }

    /// The engine, for look-ups.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Brings every route past its start-up.
    pub fn warm_up(&self) {
        for _ in 0..15 {
            self.traffic(1);
            self.pulse();
        }
    }

    /// A few requests on every `every`th route, and one tick of time.
    pub fn traffic(&self, every: usize) {
        for route in self.routes.iter().step_by(every) {
            let start = self.clock.now();
            for _ in 0..3 {
                let permit = route.admit_at(Tier::Normal, start).expect("a healthy route");
                permit.finish_at(Outcome::Success, start.after(Duration::from_millis(5)));
            }
        }
        self.wait();
    }

    /// One tick of time without a request.
    pub fn wait(&self) {
        self.clock.advance(TICK);
    }

    /// One pulse. Gives the number of routes that it computed.
    pub fn pulse(&self) -> usize {
        self.engine.pulse(self.clock.now()).computed
    }

    /// Lets the routes become quiet, so that the pulse has nothing to compute. Ten minutes are
    /// enough for every law to decay.
    pub fn settle(&self) {
        for _ in 0..6_000 {
            self.wait();
            if self.pulse() == 0 {
                break;
            }
        }
    }
}
