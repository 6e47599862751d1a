// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_engine::{Route, Shed};
use atrion_state::RouteId;

/// The error of a call that was refused. The inner service has not seen it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{route} refused the call: {shed}")]
pub struct Refused {
    route: RouteId,
    shed: Shed,
}

impl Refused {
    pub(crate) fn new(route: &Route, shed: Shed) -> Self {
        Self { route: route.refuser(&shed), shed }
    }

    /// The gate that refused: the route's, or its group's.
    #[must_use]
    pub const fn route(&self) -> &RouteId {
        &self.route
    }

    /// The reason, with all terms of the decision.
    pub const fn shed(&self) -> &Shed {
        &self.shed
    }

    /// How long until a call of the same voltage has a chance again.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.shed.retry_after()
    }
}
