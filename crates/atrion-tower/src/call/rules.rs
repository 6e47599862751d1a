// SPDX-License-Identifier: Apache-2.0

use atrion_core::{Outcome, Priority};
use atrion_engine::Route;

/// What admission has to know about a call: its route, its priority, and its outcome.
///
/// A [`Route`] is a set of rules by itself: every call belongs to it at normal priority, and each
/// error is a failure.
pub trait CallRules<Request, Response, Error> {
    /// The route of `request`. Keep the handles, and look them up by name only if there are many.
    fn route(&self, request: &Request) -> Route;

    /// The priority of `request`. Normal by default.
    fn priority(&self, request: &Request) -> Priority {
        let _ = request;
        Priority::default()
    }

    /// What the result says about the callee's health. By default an error is a failure.
    fn outcome(&self, result: Result<&Response, &Error>) -> Outcome {
        Outcome::of(&result)
    }
}

impl<Request, Response, Error> CallRules<Request, Response, Error> for Route {
    fn route(&self, _: &Request) -> Route {
        self.clone()
    }
}
