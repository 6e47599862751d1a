// SPDX-License-Identifier: Apache-2.0
//! A panic of the inner service is a failure of its call.
//!
//! The permit alone cannot tell: middleware that catches panics drops the future after the
//! unwinding, and then the permit looks like that of a client that has left.

use atrion_core::Outcome;
use atrion_engine::OwnedPermit;

/// What can be finished as a failure.
pub(crate) trait Fallible {
    fn fail(self);
}

impl Fallible for OwnedPermit {
    fn fail(self) {
        self.finish(Outcome::Failure);
    }
}

/// Runs `work`. If it panics, the permit in `slot` is finished as a failure.
#[inline]
pub(crate) fn failing_on_panic<P: Fallible, T>(slot: &mut Option<P>, work: impl FnOnce() -> T) -> T {
    let unwinding = Unwinding(slot);
    let done = work();
    // Reached without a panic only: the permit stays in its slot.
    std::mem::forget(unwinding);
    done
}

struct Unwinding<'a, P: Fallible>(&'a mut Option<P>);

impl<P: Fallible> Drop for Unwinding<'_, P> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.fail();
        }
    }
}
