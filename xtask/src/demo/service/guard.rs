// SPDX-License-Identifier: Apache-2.0
//! The one place where Atrion meets the service.

use axum::Router;

use super::super::wire::RouteTick;

/// The guard of a service.
pub(super) struct Guard {}

impl Guard {
    pub(super) async fn start() -> anyhow::Result<Self> {
        anyhow::bail!("the guard is not built yet")
    }

    /// The router with Atrion before its routes.
    pub(super) fn wrap(&self, router: Router) -> Router {
        router
    }

    pub(super) fn routes(&self) -> Vec<RouteTick> {
        Vec::new()
    }
}
