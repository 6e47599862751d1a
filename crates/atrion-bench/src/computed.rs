// SPDX-License-Identifier: Apache-2.0
//! COMPUTE of 1,000 routes in turn: their states come from the cache as in a pulse, and not from
//! registers.

use std::hint::black_box;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, AdaptiveState, Tick, Window};

const ROUTES: usize = 1_000;

/// The states of the routes, and what each measures in every tick.
pub struct Computing {
    config: AdaptiveConfig,
    tick: Tick,
    states: Vec<AdaptiveState>,
    windows: Vec<Window>,
    next: usize,
}

impl Computing {
    /// 100 requests in a tick, some of them failed or late, slightly different on each route.
    #[must_use]
    pub fn busy() -> Self {
        let window = |route: usize| {
            let more = (route % 7) as f64;
            let mut window = Window {
                admitted: 100,
                succeeded: 90,
                failed: 4,
                late: 6,
                latency_sum: 96.0 * (0.05 + 0.002 * more),
                mean_in_flight: 50.0 + more,
                in_flight: 50,
                debt: 0.5,
                since_completion: 0.001,
                mean_age: 0.03,
                ..Window::default()
            };
            for pair in 0..12 {
                let in_flight = 45.0 + f64::from(pair);
                window.pairs = window.pairs.with(in_flight, 0.05 + 0.0005 * in_flight);
            }
            window
        };
        Self::new((0..ROUTES).map(window).collect())
    }

    /// No request at all.
    #[must_use]
    pub fn idle() -> Self {
        Self::new(vec![Window { since_completion: 5.0, ..Window::default() }; ROUTES])
    }

    fn new(windows: Vec<Window>) -> Self {
        let config = AdaptiveConfig { slo: Some(Duration::from_millis(200)), ..Default::default() };
        let tick = Tick::new(Duration::from_millis(100), &config);
        Self { config, tick, states: vec![AdaptiveState::default(); ROUTES], windows, next: 0 }
    }

    /// One step of the physics of so many routes, and the gates that they compile to.
    pub fn step(&mut self, routes: u64) {
        for _ in 0..routes {
            self.next = (self.next + 1) % ROUTES;
            let window = black_box(&self.windows[self.next]);
            let state = self.states[self.next].step(&self.tick, window, &self.config);
            self.states[self.next] = state;
            black_box(state.law(None, &self.config).compile());
        }
    }
}
