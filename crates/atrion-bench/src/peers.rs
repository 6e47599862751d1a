// SPDX-License-Identifier: Apache-2.0
//! The guards of other crates, each set up as its own documentation shows: defaults where there
//! are defaults, limits high enough that nothing is refused, handles cloned once per thread.

mod congestion;
pub use congestion::CongestionLimiter;

mod failsafe_breaker;
pub use failsafe_breaker::Failsafe;

mod governor_limiter;
pub use governor_limiter::Governor;

mod recloser_breaker;
pub use recloser_breaker::RecloserBreaker;

mod sentinel;
pub use sentinel::Sentinel;

mod tower_resilience;
pub use tower_resilience::TowerResilience;

use crate::contender::Contender;

/// Every peer, in the order of the tables.
pub fn all() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(RecloserBreaker::new()),
        Box::new(Failsafe::new()),
        Box::new(Governor::new()),
        Box::new(CongestionLimiter::new()),
        Box::new(TowerResilience::new()),
        Box::new(Sentinel::new()),
    ]
}

/// A runtime for the sessions of async guards: one thread, the calling one, so that a future is
/// polled where it was made and the runtime adds no hand-over between threads.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::race;

    #[test]
    fn every_peer_admits_every_operation_on_one_and_on_two_threads() {
        for peer in all() {
            race(peer.as_ref(), 1, 2_000);
            race(peer.as_ref(), 2, 2_000);
        }
    }
}
