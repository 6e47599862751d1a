// SPDX-License-Identifier: Apache-2.0
//! How long an answer will take (`manual/physics.md` section 3.9): what a deadline is compared with.

use core::time::Duration;

/// What a crowd means for the next request's answer, until the next tick.
///
/// While nothing shows an overload, nothing is known to wait, however large the crowd: there may be
/// workers to spare. Then the default holds, which expects every answer at once, so that a deadline
/// refuses nothing but what is over already.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Expected {
    /// L0: how long the service itself takes, in seconds.
    pub service: f64,
    /// `X L0`: the crowd of which no call waits for a worker.
    pub at_work: f64,
    /// `1/X`: by how much each of the crowd above that makes the next one wait, in seconds.
    pub each: f64,
}

impl Expected {
    /// How long the answer to a request will take that finds so many before it.
    #[must_use]
    pub fn answer(&self, occupied: f64) -> Duration {
        seconds(self.wait(occupied) + self.service)
    }

    /// The least that it can take: half of the answers take less than about half of the mean, so so
    /// much is taken off the service, and nothing off the wait.
    #[must_use]
    pub fn soonest(&self, occupied: f64) -> Duration {
        seconds(self.wait(occupied) + QUICK * self.service)
    }

    fn wait(&self, occupied: f64) -> f64 {
        (occupied - self.at_work).max(0.0) * self.each
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// The part of L0 that a quick answer takes.
const QUICK: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_waits_for_what_is_before_it_and_not_for_what_is_at_work() {
        // Ten workers of 100 ms.
        let expected = Expected { service: 0.1, at_work: 10.0, each: 0.01 };
        let millis = |occupied| expected.answer(occupied).as_millis();
        assert_eq!([0.0, 10.0, 20.0, 110.0].map(millis), [100, 100, 200, 1_100]);
        assert_eq!(expected.soonest(20.0).as_millis(), 150);
    }

    #[test]
    fn in_health_every_answer_is_expected_at_once() {
        assert_eq!(Expected::default().answer(1e9), Duration::ZERO);
    }

    #[test]
    fn no_number_is_no_panic() {
        let expected = Expected { service: f64::NAN, at_work: f64::NAN, each: f64::INFINITY };
        assert_eq!(expected.soonest(3.0), Duration::MAX);
    }
}
