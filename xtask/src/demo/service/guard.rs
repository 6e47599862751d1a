// SPDX-License-Identifier: Apache-2.0
//! The one place where Atrion meets the service: what a user of axum would write, and nothing more.
//!
//! One number is told, the time after which a client gives up an attempt. Routes come from axum's
//! matched path, tiers from a header that is trusted because nobody but the demo can reach the
//! service, and users are cohorts, so that the same ones are refused for some seconds and not a random
//! part of everybody's requests.

use anyhow::Context as _;
use atrion::tower::{AdmissionLayer, TrustedHeaders};
use atrion::{Atrion, Config, RouteSnapshot};
use axum::Router;
use axum::http::HeaderName;

use super::super::client::ATTEMPT_TIMEOUT;
use super::super::wire::{RouteTick, header};

/// The guard of a service.
pub(super) struct Guard {
    atrion: Atrion,
}

impl Guard {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let config = Config::default().slo(ATTEMPT_TIMEOUT);
        let atrion = Atrion::builder().config(config).connect().await.context("cannot start Atrion")?;
        Ok(Self { atrion })
    }

    /// The router with Atrion before its routes.
    pub(super) fn wrap(&self, router: Router) -> Router {
        let headers = TrustedHeaders::new().cohort(HeaderName::from_static(header::USER));
        router.layer(AdmissionLayer::new(self.atrion.clone()).trust_headers(headers))
    }

    /// What it knows of each route that is visited, for the progress and the trace.
    pub(super) fn routes(&self) -> Vec<RouteTick> {
        let routes = self.atrion.snapshot().routes;
        routes.iter().filter(|route| route.counts.all_admitted() > 0).map(tick).collect()
    }
}

fn tick(route: &RouteSnapshot) -> RouteTick {
    let id = route.id.as_str();
    RouteTick {
        route: id.strip_prefix("GET ").unwrap_or(id).to_owned(),
        mode: route.mode.as_str().to_owned(),
        resistance_ohm: route.resistance.get(),
        scar_ohm: route.terms.scar.get(),
        staleness_ohm: route.terms.staleness.get(),
        in_flight: route.in_flight,
        debt: route.debt,
        limit: route.limit,
        latency_s: route.latency,
        baseline_s: route.baseline,
        throughput: route.throughput,
        error_share: route.error_share,
    }
}
