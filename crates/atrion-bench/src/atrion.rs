// SPDX-License-Identifier: Apache-2.0
//! Atrion as a contender, with the pulse running beside it as in a service.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use atrion_core::{Mono, Outcome, Tier};
use atrion_engine::{Atrion, Builder, Config, Route};
use atrion_state::{Clock, SystemClock};
use tokio::runtime::Runtime;

use crate::contender::{Contender, Session};

/// One route of an instance that has only its objective set, and the runtime of its pulse.
pub(crate) struct Hot {
    route: Route,
    pub(crate) atrion: Atrion,
    _runtime: Runtime,
}

impl Hot {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// The same with more settings.
    pub(crate) fn with(and: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime for the pulse");
        let atrion = and(Atrion::builder().config(Config::default().slo(SLO))).connect();
        let atrion = runtime.block_on(atrion).expect("the default set-up with an objective");
        Self { route: atrion.route("api/checkout"), atrion, _runtime: runtime }
    }
}

/// Most services set an objective. Without one it follows from the measured latency, and that of an
/// empty call is so short that a thread which loses its core for a moment looks like an outage.
const SLO: Duration = Duration::from_millis(200);

/// The caller gives the clock reading, as a server does that times its requests.
pub struct CallersClock(Hot);

impl CallersClock {
    /// A hot route of an instance of its own.
    pub fn new() -> Self {
        Self(Hot::new())
    }
}

impl Default for CallersClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for CallersClock {
    fn name(&self) -> &'static str {
        "atrion"
    }

    fn operation(&self) -> &'static str {
        "`admit_at` and `finish_at` with success"
    }

    fn clock_reads(&self) -> &'static str {
        "none"
    }

    fn session(&self) -> Session<'_> {
        self.0.session()
    }
}

impl Hot {
    /// Requests for which the caller reads the clock.
    pub(crate) fn session(&self) -> Session<'_> {
        let route = self.route.clone();
        let clock = SystemClock;
        Box::new(move |operations| {
            let mut admitted = 0;
            let mut left = operations;
            while left > 0 {
                // Time advances as in a service. One reading for many requests costs each of them
                // less than a tenth of a nanosecond.
                let now = clock.now();
                let chunk = left.min(PER_READING);
                admitted += chunk_of(&route, chunk, now);
                left -= chunk;
            }
            admitted
        })
    }
}

const PER_READING: u64 = 512;

#[inline]
fn chunk_of(route: &Route, operations: u64, now: Mono) -> u64 {
    let mut admitted = 0;
    for _ in 0..operations {
        if let Ok(permit) = route.admit_at(Tier::Normal, now) {
            permit.finish_at(Outcome::Success, now);
            admitted += 1;
        }
    }
    admitted
}

/// The same on a route of a group: two gates, one permit.
pub struct Grouped(Hot);

impl Grouped {
    /// A hot route of a group, of an instance of its own.
    pub fn new() -> Self {
        let mut hot = Hot::new();
        hot.route = hot.atrion.group("service").route("api/checkout");
        Self(hot)
    }
}

impl Default for Grouped {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for Grouped {
    fn name(&self) -> &'static str {
        "atrion, in a group"
    }

    fn operation(&self) -> &'static str {
        "`admit_at` and `finish_at` with success, through both gates"
    }

    fn clock_reads(&self) -> &'static str {
        "none"
    }

    fn session(&self) -> Session<'_> {
        self.0.session()
    }
}

/// The same by a request that would wait, where nobody has to.
pub struct Acquiring(Hot);

impl Acquiring {
    /// A hot route of an instance of its own.
    pub fn new() -> Self {
        Self(Hot::new())
    }
}

impl Default for Acquiring {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for Acquiring {
    fn name(&self) -> &'static str {
        "atrion, acquire"
    }

    fn operation(&self) -> &'static str {
        "`acquire`, polled once, and `finish` with success"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        let route = self.0.route.clone();
        Box::new(move |operations| {
            let mut context = Context::from_waker(Waker::noop());
            let mut admitted = 0;
            for _ in 0..operations {
                let acquire = pin!(route.acquire(Tier::Normal));
                if let Poll::Ready(Ok(permit)) = acquire.poll(&mut context) {
                    permit.finish(Outcome::Success);
                    admitted += 1;
                }
            }
            admitted
        })
    }
}

/// Atrion reads the clock at both ends.
pub struct OwnClock(Hot);

impl OwnClock {
    /// A hot route of an instance of its own.
    pub fn new() -> Self {
        Self(Hot::new())
    }
}

impl Default for OwnClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for OwnClock {
    fn name(&self) -> &'static str {
        "atrion, own clock"
    }

    fn operation(&self) -> &'static str {
        "`admit` and `finish` with success"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        let route = self.0.route.clone();
        Box::new(move |operations| {
            let mut admitted = 0;
            for _ in 0..operations {
                if let Ok(permit) = route.admit(Tier::Normal) {
                    permit.finish(Outcome::Success);
                    admitted += 1;
                }
            }
            admitted
        })
    }
}

/// The cost of two raw readings of the processor's counter alone.
#[derive(Default)]
pub struct CounterAlone(quanta::Clock);

impl Contender for CounterAlone {
    fn name(&self) -> &'static str {
        "the counter alone"
    }

    fn operation(&self) -> &'static str {
        "two raw readings of the processor's counter"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        Box::new(|operations| {
            for _ in 0..operations {
                std::hint::black_box(self.0.raw());
                std::hint::black_box(self.0.raw());
            }
            operations
        })
    }
}

/// The cost of two readings of the machine's clock alone.
pub struct ClockAlone;

impl Contender for ClockAlone {
    fn name(&self) -> &'static str {
        "the clock alone"
    }

    fn operation(&self) -> &'static str {
        "two readings of `Instant`"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        Box::new(|operations| {
            for _ in 0..operations {
                let start = std::hint::black_box(Instant::now());
                std::hint::black_box(start.elapsed());
            }
            operations
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::race;

    #[test]
    fn every_operation_is_admitted_on_one_and_on_two_threads() {
        for threads in [1, 2] {
            race(&CallersClock::new(), threads, 20_000);
            race(&OwnClock::new(), threads, 20_000);
            race(&ClockAlone, threads, 1_000);
            race(&CounterAlone::default(), threads, 1_000);
        }
    }
}
