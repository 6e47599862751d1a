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

/// While this is there, a panic finishes the permit in the slot as a failure.
///
/// A guard and no function that takes the work as a closure: what the work takes with it, a whole
/// request, would be moved into the closure first.
#[must_use = "a panic is noticed while this is there"]
pub(crate) struct Unwinding<'a, P: Fallible>(pub(crate) &'a mut Option<P>);

impl<'a, P: Fallible> Unwinding<'a, P> {
    #[inline(always)]
    pub(crate) fn with(slot: &'a mut Option<P>) -> Self {
        Self(slot)
    }

    /// Reached without a panic only: the permit stays in its slot.
    #[inline(always)]
    pub(crate) fn over(self) {
        std::mem::forget(self);
    }
}

impl<P: Fallible> Drop for Unwinding<'_, P> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.fail();
        }
    }
}
