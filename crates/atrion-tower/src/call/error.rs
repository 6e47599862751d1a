// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_engine::{Route, Shed};
use atrion_state::RouteId;

/// The error of a guarded call: it was refused, or the callee has failed with its own error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(clippy::exhaustive_enums)] // the gate says no, or the callee does
pub enum GuardedError<E> {
    /// The inner service has not seen the call.
    #[error("the call was not made")]
    Refused(#[source] Refused),
    /// The inner service's error.
    #[error(transparent)]
    Callee(E),
}

impl<E> GuardedError<E> {
    /// The refusal, if it is one.
    pub const fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Callee(_) => None,
        }
    }

    /// The error as a box, in which a refusal is a [`Refused`]. For stacks of middleware whose
    /// errors are boxes already: `ServiceBuilder::map_err(GuardedError::into_box)` outside of the
    /// layer.
    pub fn into_box(self) -> Box<dyn std::error::Error + Send + Sync>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match self {
            Self::Refused(refused) => refused.into(),
            Self::Callee(error) => error.into(),
        }
    }
}

/// A call that was refused. The inner service has not seen it.
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
