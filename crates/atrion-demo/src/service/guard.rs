// SPDX-License-Identifier: Apache-2.0
//! Atrion in the service, as a user of axum writes it.
//!
//! One layer, with its default of two gates, because two things can fail: what all routes share,
//! the workers, and what is behind one of them alone.
//!
//! One number is configured: the time after which a client gives up an attempt. Tiers come from a
//! header that is trusted, because only the demo can reach the service. Users are cohorts: the same
//! users are refused for some seconds, instead of a random part of the requests of all users.

use std::path::Path;

use anyhow::Context as _;
use atrion::recording::{Recorder, Recording};
use atrion::tower::{AdmissionLayer, TrustedHeaders};
use atrion::{Atrion, Config, RouteSnapshot};
use axum::Router;
use axum::http::HeaderName;

use super::super::client::ATTEMPT_TIMEOUT;
use super::super::wire::{RouteTick, header};

/// The guard of a service.
pub(crate) struct Guard {
    atrion: Atrion,
}

impl Guard {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let config = Config::default().slo(ATTEMPT_TIMEOUT);
        let atrion = Atrion::builder().config(config).connect().await.context("cannot start Atrion")?;
        Ok(Self { atrion })
    }

    /// The guard that a gateway is.
    pub(super) fn of(atrion: Atrion) -> Self {
        Self { atrion }
    }

    pub(crate) fn atrion(&self) -> &Atrion {
        &self.atrion
    }

    /// Records the gate of the whole service from now on.
    pub(super) fn record(&self, path: &Path) -> anyhow::Result<Recorder> {
        Ok(self.atrion.group("service").gate().record(Recording::to(path))?)
    }

    /// The router, protected by Atrion.
    pub(crate) fn wrap(&self, router: Router) -> Router {
        let headers = TrustedHeaders::new().cohort(HeaderName::from_static(header::USER));
        router.layer(AdmissionLayer::new(self.atrion.clone()).trust_headers(headers))
    }

    /// The state of each visited route, for the progress and the trace.
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
        limit: route.target,
        latency_s: route.latency.map_or(0.0, |span| span.as_secs_f64()),
        baseline_s: route.baseline.map_or(0.0, |span| span.as_secs_f64()),
        throughput: route.throughput,
        error_share: route.error_share,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use atrion::{Override, OverrideKind};
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn visit(router: &Router, path: &str) -> (StatusCode, bool) {
        let request = Request::get(path).header(header::TIER, "normal").body(Body::empty());
        let response = router.clone().oneshot(request.expect("a request")).await.expect("never fails");
        (response.status(), response.headers().contains_key(header::SHED))
    }

    #[tokio::test(start_paused = true)]
    async fn a_route_that_is_cut_off_leaves_the_others_alone() {
        let guard = Guard::start().await.expect("the guard");
        let router = Router::new().route("/a/{id}", get(|| async {})).route("/b", get(|| async {}));
        let router = guard.wrap(router);
        assert_eq!(visit(&router, "/a/1").await, (StatusCode::OK, false));
        let sick = guard.atrion.route("GET /a/{id}");
        let (kind, reason) = (OverrideKind::ForceOpen, "a test".to_owned());
        let wanted = Override { kind, reason, time_to_live: Duration::from_secs(60) };
        guard.atrion.overrides().set(&sick, wanted).expect("an override with reason and end");
        assert_eq!(visit(&router, "/a/2").await, (StatusCode::SERVICE_UNAVAILABLE, true));
        assert_eq!(visit(&router, "/b").await, (StatusCode::OK, false));
        let routes = guard.atrion.snapshot().routes;
        let names: Vec<&str> = routes.iter().map(|route| route.id.as_str()).collect();
        assert_eq!(names, ["@service", "GET /a/{id}", "GET /b", "__overflow__"]);
    }
}
