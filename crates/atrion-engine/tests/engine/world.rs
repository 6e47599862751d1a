// SPDX-License-Identifier: Apache-2.0
//! An engine on a clock that stands still until it is moved, and a record of its events.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Mode, Mono, Outcome, Priority, Tier, Volts, Wall};
use atrion_engine::{Config, Engine, OwnedPermit, Physics, PulseReport, Route, RouteConfig};
use atrion_state::{Clock, Event, FakeClock, Observer, SyncOperation};
use atrion_testkit::RecordingObserver;

pub(crate) const TICK: Duration = Duration::from_millis(100);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn volts(volts: f64) -> Priority {
    Priority::volts(Volts::new(volts).unwrap())
}

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) engine: Engine,
    pub(crate) events: RecordingObserver,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::watched_by(config, Vec::new())
    }

    pub(crate) fn watched_by(config: Config, mut observers: Vec<Arc<dyn Observer>>) -> Self {
        let clock = FakeClock::at(Mono::from_nanos(1_000_000_000), Wall::from_millis(1_767_960_000_000));
        let events = RecordingObserver::new();
        observers.push(Arc::new(events.clone()));
        let engine = Engine::new(config, Arc::new(clock.clone()), observers, TICK).unwrap();
        Self { clock, engine, events }
    }

    pub(crate) fn now(&self) -> Mono {
        self.clock.now()
    }

    pub(crate) fn pulse(&self) -> PulseReport {
        self.engine.pulse(self.now())
    }

    pub(crate) fn tick(&self) -> PulseReport {
        self.clock.advance(TICK);
        self.pulse()
    }

    pub(crate) fn ticks(&self, count: usize) {
        for _ in 0..count {
            self.tick();
        }
    }

    /// A route that has learned: some calls of 10 ms in every tick, all well.
    pub(crate) fn learned(&self, name: &str) -> Route {
        let route = self.engine.route(name);
        self.healthy_traffic(&route, 15, 10);
        assert_eq!(route.mode(), Mode::Operational);
        route
    }

    /// `ticks` ticks of `calls` calls of 10 ms each, two at a time, all well.
    pub(crate) fn healthy_traffic(&self, route: &Route, ticks: usize, calls: usize) {
        for _ in 0..ticks {
            let begin = self.now();
            for _ in 0..calls.div_ceil(2) {
                let pair = [Tier::Critical; 2].map(|tier| route.admit_owned(tier).unwrap());
                let each = TICK / u32::try_from(calls.div_ceil(2)).unwrap();
                self.clock.advance(each.min(ms(10)));
                for permit in pair {
                    permit.finish(Outcome::Success);
                }
            }
            self.clock.set(begin.after(TICK));
            self.pulse();
        }
    }

    /// Everything fails until the breaker opens.
    pub(crate) fn kill(&self, route: &Route) {
        self.ticks(7);
        let permits: Vec<OwnedPermit> = admit_all(route, 40);
        for permit in permits {
            assert_eq!(route.mode(), Mode::Operational);
            permit.finish(Outcome::Failure);
        }
        assert_eq!(route.mode(), Mode::CircuitBreaker);
    }

    pub(crate) fn count(&self, kind: impl Fn(&Event) -> bool) -> usize {
        self.events.count(kind)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

/// This many calls that no gate refuses: volts above the ladder pass any crowd.
pub(crate) fn admit_all(route: &Route, count: usize) -> Vec<OwnedPermit> {
    (0..count).map(|_| route.admit_owned(volts(1e6)).unwrap()).collect()
}

pub(crate) fn adaptive(adaptive: AdaptiveConfig) -> Config {
    let default = RouteConfig { physics: Physics::Adaptive(adaptive), ..RouteConfig::default() };
    Config { default, ..Config::default() }
}

/// The names of events, in order: what is compared where their contents are not the point.
pub(crate) fn name(event: &Event) -> &'static str {
    match event {
        Event::ModeChanged { .. } => "mode changed",
        Event::SheddingStarted { .. } => "shedding started",
        Event::SheddingStopped { .. } => "shedding stopped",
        Event::ProviderDegraded { .. } => "provider degraded",
        Event::ProviderRecovered { .. } => "provider recovered",
        Event::RoutesOverflowed { .. } => "routes overflowed",
        Event::ConfigReplaced { .. } => "config replaced",
        Event::ConfigRejected { .. } => "config rejected",
        Event::OverrideSet { .. } => "override set",
        Event::OverrideExpired { .. } => "override expired",
        Event::RecordingEnded { .. } => "recording ended",
        Event::PulseFinished { .. } => "pulse finished",
        Event::SyncFinished { operation: SyncOperation::Push, .. } => "push finished",
        Event::SyncFinished { .. } => "pull finished",
        _ => "unknown",
    }
}

/// The store is memory: nothing waits.
pub(crate) fn ready<T, E: std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result.unwrap(),
        std::task::Poll::Pending => panic!("a store in memory waits"),
    }
}
