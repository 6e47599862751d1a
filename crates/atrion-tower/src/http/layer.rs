// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use atrion_core::Priority;
use atrion_engine::{Atrion, Route, Shed};
use tower_layer::Layer;

use super::policy::{Hold, Policy};
use super::service::AdmissionService;
use crate::classify::Classify;
use crate::head::RequestHead;
use crate::names::RouteNames;
use crate::priority::Propagate;
use crate::refusal::Detail;
use crate::trace::OnRefusal;
use crate::trust::TrustedHeaders;

/// Puts [`AdmissionService`] before a service: each request is admitted by its route, or refused at once.
///
/// Nothing has to be set. Put it outside of everything that does work or waits, and inside of what only looks (traces,
/// request ids, authentication that decides the priority).
#[derive(Debug, Clone)]
#[must_use]
pub struct AdmissionLayer {
    policy: Policy,
}

impl AdmissionLayer {
    /// A layer for servers. Routes are named by axum's matched path ([`RouteNames::matched_path`]).
    pub fn new(atrion: Atrion) -> Self {
        Self { policy: Policy::new(atrion, RouteNames::default()) }
    }

    /// A layer for clients. Routes are named by the authority that is called ([`RouteNames::authority`]).
    pub fn client(atrion: Atrion) -> Self {
        Self { policy: Policy::new(atrion, RouteNames::authority()) }
    }

    /// Sets how requests are assigned to routes.
    pub fn names(mut self, names: RouteNames) -> Self {
        self.policy.names = names;
        self
    }

    /// Sets the priority of requests about which nobody says anything. `Tier::Normal` by default.
    pub fn default_priority(mut self, priority: impl Into<Priority>) -> Self {
        self.policy.priorities.default = priority.into();
        self
    }

    /// Sets the service's own rule for priorities. A [`Priority`] or [`Tier`](atrion_core::Tier) in the request's
    /// extensions goes before it; trusted headers come after it, where it says `None`.
    pub fn priority(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> Option<Priority> + Send + Sync + 'static,
    ) -> Self {
        self.policy.priorities.rule = Some(Arc::new(rule));
        self
    }

    /// Believes priorities in headers. Only for services whose callers cannot set them as they like.
    pub fn trust_headers(mut self, trusted: TrustedHeaders) -> Self {
        self.policy.priorities.trusted = Some(trusted);
        self
    }

    /// Removes `x-atrion-tier` and `x-atrion-voltage` before the inner service sees the request, so that what was not
    /// trusted here is not trusted further down by accident.
    pub fn strip_headers(mut self) -> Self {
        self.policy.priorities.strip = true;
        self
    }

    /// Tells the callee the request's priority. For clients.
    pub fn propagate(mut self, propagate: Propagate) -> Self {
        self.policy.priorities.propagate = propagate;
        self
    }

    /// Sets what is a success and what a failure. [`DefaultClassifier`](crate::DefaultClassifier) by default.
    pub fn classify(mut self, classify: impl Classify + 'static) -> Self {
        self.policy.classify = Arc::new(classify);
        self
    }

    /// Sets how long a request counts as in flight.
    pub fn hold(mut self, hold: Hold) -> Self {
        self.policy.hold = hold;
        self
    }

    /// Sets how much a refusal tells.
    pub fn detail(mut self, detail: Detail) -> Self {
        self.policy.detail = detail;
        self
    }

    /// Says with every response, in `x-atrion-decision`, whether it was `admitted` or `shed`.
    pub fn show_decision(mut self) -> Self {
        self.policy.show_decision = true;
        self
    }

    /// Calls this with every refusal, on the request's path and inside of its span: for traces and access logs. Be quick.
    ///
    /// Without it, too, a refusal is written into those of these fields that the current `tracing` span has declared:
    /// `atrion.decision`, `atrion.route`, `atrion.tier`, `atrion.shed.reason`, `atrion.voltage`, `atrion.resistance`, and
    /// `atrion.resistance.` with `base`, `saturation`, `momentum`, `scar`, `staleness` and `cluster`. `atrion_otel::mark_span`
    /// in this place writes all of them into OpenTelemetry's current span, declared or not.
    pub fn on_refusal(mut self, call: impl Fn(&Route, &Shed) + Send + Sync + 'static) -> Self {
        self.policy.on_refusal = OnRefusal::new(call);
        self
    }

    /// How many trusted headers could not be read so far, in all services of this layer and its clones.
    #[must_use]
    pub fn malformed_headers(&self) -> u64 {
        self.policy.priorities.complaints.count()
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = AdmissionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmissionService::new(inner, Arc::new(self.policy.clone()))
    }
}
