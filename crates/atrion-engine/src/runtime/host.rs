// SPDX-License-Identifier: Apache-2.0
//! Whose pulse a driver drives: an engine's, or that of a buffer before a store.

use atrion_core::Mono;
use atrion_state::{Event, PhysicsVector, RouteId, StateManager};

use crate::engine::Engine;

/// What a driver needs of the one it works for.
pub(crate) trait Host: Send + Sync + 'static {
    /// By its clock.
    fn now(&self) -> Mono;

    /// What is dirty, and what was pushed.
    fn manager(&self) -> &StateManager;

    /// COMPUTE.
    fn compute(&self, now: Mono) {
        let _ = now;
    }

    /// Routes to ask the store for.
    fn take_cold(&self) -> Vec<RouteId> {
        Vec::new()
    }

    /// Routes that the store could not be asked for.
    fn ask_for(&self, routes: Vec<RouteId>) {
        let _ = routes;
    }

    /// Takes what the store has of a route.
    fn restore(&self, route: &RouteId, found: PhysicsVector);

    /// To the observers.
    fn tell(&self, event: Event);
}

impl Host for Engine {
    fn now(&self) -> Mono {
        self.now()
    }

    fn manager(&self) -> &StateManager {
        self.manager()
    }

    fn compute(&self, now: Mono) {
        let report = self.pulse(now);
        let (routes, dirty) = (report.computed, report.dirty);
        let duration = Self::now(self).since(now);
        self.tell(|| Event::PulseFinished { duration, routes, dirty });
    }

    fn take_cold(&self) -> Vec<RouteId> {
        self.take_cold()
    }

    fn ask_for(&self, routes: Vec<RouteId>) {
        self.routes().ask_for(routes);
    }

    fn restore(&self, route: &RouteId, found: PhysicsVector) {
        self.restore(route, found);
    }

    fn tell(&self, event: Event) {
        self.tell(|| event);
    }
}
