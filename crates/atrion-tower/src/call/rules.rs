// SPDX-License-Identifier: Apache-2.0

use atrion_core::{Outcome, Priority, Tier, Volts};
use atrion_engine::Route;

use crate::priority::Propagate;

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

    /// What the callee is told about the priority. Nothing by default; otherwise
    /// [`tell`](Self::tell) has to write it.
    fn propagate(&self) -> Propagate {
        Propagate::Nothing
    }

    /// Writes the priority where the callee reads it: into the headers of a message, the fields of
    /// a job. `volts` is there with [`Propagate::Voltage`]: the gate here judges the same voltage.
    /// It is asked before the gate, so also for a call that is then refused.
    fn tell(&self, request: &mut Request, tier: Tier, volts: Option<Volts>) {
        let _ = (request, tier, volts);
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
