// SPDX-License-Identifier: Apache-2.0
//! The guards of other crates, each set up as its own documentation shows: with its defaults,
//! limits that refuse nothing, and handles that are cloned once per thread.

mod congestion;
pub use congestion::CongestionLimiter;

mod failsafe_breaker;
pub use failsafe_breaker::Failsafe;

mod governor_limiter;
pub use governor_limiter::Governor;

mod recloser_breaker;
pub use recloser_breaker::RecloserBreaker;

mod tower_resilience;
pub use tower_resilience::TowerResilience;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::contender::Contender;

/// Every peer, in the order of the tables.
pub fn all() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(RecloserBreaker::new()),
        Box::new(Failsafe::new()),
        Box::new(Governor::new()),
        Box::new(CongestionLimiter::new()),
        Box::new(TowerResilience::new()),
    ]
}

/// Runs an async guard on the calling thread and polls it again at once when it has to wait.
///
/// A waiting task costs a real service a trip through its scheduler, or a parked thread. Here both
/// would count as time of the guard, so the guard gets its best case: it is polled again without a
/// pause.
pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::hint::spin_loop();
    }
}

/// A runtime to enter: guards on tokio may need its clock or spawn into it.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
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
