// SPDX-License-Identifier: Apache-2.0

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use atrion_core::{Cost, Priority, Tenant};
use atrion_engine::{Atrion, Hold, Route, Shed};
use tower_layer::Layer;

use super::policy::Policy;
use super::request::{Unwatched, Watched};
use super::service::AdmissionService;
use crate::classify::{Classifier, Classify};
use crate::head::RequestHead;
use crate::names::RouteNames;
use crate::orca::Orca;
use crate::priority::Propagate;
use crate::refusal::Detail;
use crate::trace::OnRefusal;
use crate::trust::TrustedHeaders;

/// Puts [`AdmissionService`] before a service: the gates of the whole service and of the request's
/// route admit it, or one of them refuses it at once.
///
/// Every setting has a default. Put it outside of everything that does work or waits, and inside of
/// what only looks (traces, request ids, authentication that decides the priority).
///
/// A layer for servers looks into the bodies of requests: the inner service gets each as a
/// [`RequestBody`](super::RequestBody), and waiting for a client that is slow is no load. axum and
/// tonic take any body. An inner service that insists on one type gets it from
/// [`unwatched`](Self::unwatched). A layer for clients leaves requests as they are.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::convert::Infallible;
///
/// use atrion_core::Tier;
/// use atrion_engine::{Atrion, Config, RouteConfig};
/// use atrion_tower::{AdmissionLayer, RequestBody, RouteNames};
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::{Empty, Full};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let config = Config::default().route("orders", RouteConfig::default().cap(1));
/// let atrion = Atrion::builder().config(config).connect().await?;
///
/// let orders = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
///     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("an order")))
/// });
/// let layer = AdmissionLayer::new(atrion.clone()).names(RouteNames::fixed("orders"));
/// let guarded = layer.layer(orders);
///
/// let answer = guarded.clone().oneshot(Request::new(Empty::<Bytes>::new())).await?;
/// assert_eq!(answer.status(), StatusCode::OK);
///
/// // The cap allows one request in flight, and this is it.
/// let route = atrion.route("orders");
/// let _permit = route.admit(Tier::Normal)?;
/// let refused = guarded.oneshot(Request::new(Empty::<Bytes>::new())).await?;
/// assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
/// assert_eq!(refused.headers()["x-atrion-shed"], "at_cap");
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct AdmissionLayer<I = Watched> {
    policy: Arc<Policy>,
    /// The group's name: its gate is made with the first service, so that none is made in vain.
    group: Option<Cow<'static, str>>,
    /// The policy with that gate, for all services: some servers clone a layer and put it on anew
    /// for each request.
    made: Arc<OnceLock<Arc<Policy>>>,
    intake: PhantomData<fn() -> I>,
}

impl AdmissionLayer {
    /// Makes a layer for servers. Routes are named by axum's matched path
    /// ([`RouteNames::matched_path`]).
    ///
    /// A request passes two gates and holds one permit: that of the whole service, the
    /// [group](atrion_engine::Group) `service`, because its routes share workers and pools, and that of its route,
    /// which can be sick by itself. [`group`](Self::group) and
    /// [`each_route_alone`](Self::each_route_alone) set something else.
    pub fn new(atrion: Atrion) -> Self {
        Self::of(Policy::new(atrion, RouteNames::default()), Some("service".into()))
    }

    /// Makes a layer for clients. Routes are named by the authority that is called
    /// ([`RouteNames::authority`]), and each has a gate of its own alone: callees share nothing.
    pub fn client(atrion: Atrion) -> AdmissionLayer<Unwatched> {
        AdmissionLayer::of(Policy::new(atrion, RouteNames::authority()), None)
    }

    /// Passes requests on as they are, for an inner service that wants one certain type of body.
    /// Waiting for the body of a request then counts as load: read it to its end outside of the
    /// layer, or bound by a timeout how long it may take.
    pub fn unwatched(self) -> AdmissionLayer<Unwatched> {
        AdmissionLayer { policy: self.policy, group: self.group, made: self.made, intake: PhantomData }
    }
}

impl<I> AdmissionLayer<I> {
    fn of(policy: Policy, group: Option<Cow<'static, str>>) -> Self {
        Self { policy: Arc::new(policy), group, made: Arc::default(), intake: PhantomData }
    }

    /// The settings, to be changed.
    fn set(&mut self) -> &mut Policy {
        self.made = Arc::default();
        Arc::make_mut(&mut self.policy)
    }

    /// Sets the group whose gate admits beside each route's own. A service with several pools gives
    /// the routes of each a group in the configuration
    /// ([`RouteConfig::group`](atrion_engine::RouteConfig::group)), which goes before this.
    pub fn group(mut self, name: &str) -> Self {
        self.group = Some(name.to_owned().into());
        self.made = Arc::default();
        self
    }

    /// Admits by each route's own gate alone, but for routes that the configuration puts into a
    /// group: for routes that share nothing.
    pub fn each_route_alone(mut self) -> Self {
        self.group = None;
        self.made = Arc::default();
        self
    }

    /// Sets how requests are assigned to routes.
    pub fn names(mut self, names: RouteNames) -> Self {
        self.set().names = names;
        self
    }

    /// Sets the priority of requests that state none. `Tier::Normal` by default.
    pub fn default_priority(mut self, priority: impl Into<Priority>) -> Self {
        self.set().priorities.default = priority.into();
        self
    }

    /// Sets the service's own rule for priorities. A [`Priority`] or [`Tier`](atrion_core::Tier) in
    /// the request's extensions goes before it; where it gives `None`, trusted headers come next.
    pub fn priority(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> Option<Priority> + Send + Sync + 'static,
    ) -> Self {
        self.set().priorities.rule = Some(Arc::new(rule));
        self
    }

    /// Sets what a request costs, in units of work. Where the request's priority says it itself, that
    /// holds; where the rule gives `None`, a trusted header, and otherwise one unit.
    ///
    /// ```
    /// # use atrion_core::Cost;
    /// # use atrion_tower::AdmissionLayer;
    /// # fn layer(atrion: atrion_engine::Atrion) -> AdmissionLayer {
    /// // A unit for each started kilobyte of the upload.
    /// AdmissionLayer::new(atrion).cost(|head| {
    ///     let bytes: u64 = head.headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    ///     Some(Cost::saturating(u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX)))
    /// })
    /// # }
    /// ```
    pub fn cost(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> Option<Cost> + Send + Sync + 'static,
    ) -> Self {
        self.set().priorities.cost = Some(Arc::new(rule));
        self
    }

    /// Believes priorities in headers. Only for services whose callers cannot set them freely.
    pub fn trust_headers(mut self, trusted: TrustedHeaders) -> Self {
        self.set().priorities.trusted = Some(trusted);
        self
    }

    /// Says whose a request is, for fair shares among tenants; an extension of the type
    /// [`Tenant`](atrion_core::Tenant) goes before it.
    ///
    /// ```
    /// # use atrion_engine::{Atrion, tenant_of};
    /// # use atrion_tower::AdmissionLayer;
    /// # fn with(atrion: Atrion) -> AdmissionLayer {
    /// // The gateway has checked the key and knows the customer.
    /// AdmissionLayer::new(atrion).tenant(|head| head.headers.get("x-customer").map(tenant_of))
    /// # }
    /// ```
    pub fn tenant(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> Option<Tenant> + Send + Sync + 'static,
    ) -> Self {
        self.set().priorities.tenant = Some(Arc::new(rule));
        self
    }

    /// Removes `x-atrion-tier`, `x-atrion-voltage`, `x-atrion-deadline-ms` and `x-atrion-cost` before
    /// the inner service sees the request, guarded or not, so that headers that are not trusted here
    /// are not trusted further down by accident.
    pub fn strip_headers(mut self) -> Self {
        self.set().priorities.strip = true;
        self
    }

    /// Tells the callee the request's priority, and how long its caller still waits where the priority
    /// has a deadline: in `x-atrion-deadline-ms`, and in `grpc-timeout` of a gRPC call, which is
    /// shortened and never prolonged. For clients.
    ///
    /// A handler that puts the [`Priority`] of its request's extensions into those of its calls
    /// passes on what is left of the deadline.
    pub fn propagate(mut self, propagate: Propagate) -> Self {
        self.set().priorities.propagate = propagate;
        self
    }

    /// Lets a request wait to be admitted for up to so long, instead of refusing it at once: a burst
    /// that drains in that time is served. A tenth of the SLO is a good value; by default none waits.
    ///
    /// The most important tier is served first; see [`Route::acquire`]. What waits is not in flight,
    /// its body is not read, and a client that leaves gives up its place.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use atrion_tower::AdmissionLayer;
    /// # fn layer(atrion: atrion_engine::Atrion) -> AdmissionLayer {
    /// AdmissionLayer::new(atrion).wait(Duration::from_millis(50))
    /// # }
    /// ```
    pub fn wait(mut self, patience: Duration) -> Self {
        self.set().patience = Some(patience);
        self
    }

    /// Sets what is a success and what a failure. [`DefaultClassifier`](crate::DefaultClassifier)
    /// by default.
    pub fn classify(mut self, classify: impl Classify + 'static) -> Self {
        self.set().classify = Classifier::Own(Arc::new(classify));
        self
    }

    /// Sets how long a request counts as in flight, where the configuration of its route
    /// ([`RouteConfig::hold`](atrion_engine::RouteConfig::hold)) does not.
    pub fn hold(mut self, hold: Hold) -> Self {
        self.set().hold = hold;
        self
    }

    /// Sets the same by request. Where the rule gives `None`, the configuration and then
    /// [`hold`](Self::hold) count. A HEAD request always ends at the head.
    ///
    /// ```
    /// # use atrion_tower::{AdmissionLayer, Hold};
    /// # fn layer(atrion: atrion_engine::Atrion) -> AdmissionLayer {
    /// AdmissionLayer::new(atrion)
    ///     .hold_by(|head| head.uri.path().starts_with("/export/").then_some(Hold::Body))
    /// # }
    /// ```
    pub fn hold_by(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> Option<Hold> + Send + Sync + 'static,
    ) -> Self {
        self.set().hold_by = Some(Arc::new(rule));
        self
    }

    /// Sets which requests pass without being counted or refused, because their answers say
    /// something about the server and not about the work. By default gRPC's health checks
    /// (`grpc.health.v1.Health`) and server reflection (`grpc.reflection.v1` and `v1alpha`); this
    /// rule replaces them.
    ///
    /// ```
    /// # use atrion_tower::AdmissionLayer;
    /// # fn layer(atrion: atrion_engine::Atrion) -> AdmissionLayer {
    /// AdmissionLayer::new(atrion).unguarded(|head| head.uri.path() == "/healthz")
    /// # }
    /// ```
    pub fn unguarded(
        mut self,
        rule: impl for<'a> Fn(&RequestHead<'a>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.set().unguarded = Some(Arc::new(rule));
        self
    }

    /// Sets how much a refusal tells.
    pub fn detail(mut self, detail: Detail) -> Self {
        self.set().detail = detail;
        self
    }

    /// Adds `x-atrion-decision` to every response: `admitted` or `shed`.
    pub fn show_decision(mut self) -> Self {
        self.set().show_decision = true;
        self
    }

    /// Tells balancers how loaded the service is: each response has the header
    /// [`endpoint-load-metrics`](crate::header::LOAD), a gRPC response the same in its trailers, with
    /// a load report of ORCA. The weighted round robin of Envoy and of gRPC then gives each instance
    /// the requests that it can answer.
    ///
    /// A report has `application_utilization`, which is (n + D) / N\* of the group's gate,
    /// `rps_fractional`, the answers a second, and `eps`, the failures among them, all smoothed over
    /// a second. There is none while N\* is unknown, while nothing is asked, and where the layer has
    /// no [group](Self::group).
    pub fn orca(mut self) -> Self {
        self.set().tells_load = true;
        self
    }

    /// Calls a function with every refusal, on the request's path and inside of its span: for
    /// traces and access logs. It must be quick.
    ///
    /// Without it, too, a refusal is written into those of these fields that the current `tracing`
    /// span has declared: `atrion.decision`, `atrion.route`, `atrion.group` if its gate has refused
    /// and not the route's own, `atrion.tier`, `atrion.shed.reason`,
    /// `atrion.voltage`, `atrion.resistance`, and `atrion.resistance.` with `base`, `saturation`,
    /// `momentum`, `scar`, `staleness`, `cluster` and `signal`. `atrion_otel::mark_span` as this function
    /// writes all of them into OpenTelemetry's current span, declared or not.
    pub fn on_refusal(mut self, call: impl Fn(&Route, &Shed) + Send + Sync + 'static) -> Self {
        self.set().on_refusal = OnRefusal::new(call);
        self
    }

    /// How many trusted headers could not be read so far, in all services of this layer and its
    /// clones.
    #[must_use]
    pub fn malformed_headers(&self) -> u64 {
        self.policy.priorities.complaints.count()
    }
}

impl<S, I> Layer<S> for AdmissionLayer<I> {
    type Service = AdmissionService<S, I>;

    fn layer(&self, inner: S) -> Self::Service {
        let policy = self.made.get_or_init(|| {
            let mut policy = Policy::clone(&self.policy);
            policy.group = self.group.as_deref().map(|name| policy.atrion.group(name));
            let told = policy.group.as_ref().filter(|_| policy.tells_load);
            policy.orca = told.map(|group| Arc::new(Orca::new(group.gate())));
            Arc::new(policy)
        });
        AdmissionService::new(inner, Arc::clone(policy))
    }
}

impl<I> Clone for AdmissionLayer<I> {
    fn clone(&self) -> Self {
        let (policy, made) = (Arc::clone(&self.policy), Arc::clone(&self.made));
        Self { policy, group: self.group.clone(), made, intake: PhantomData }
    }
}

impl<I> fmt::Debug for AdmissionLayer<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionLayer").field("group", &self.group).field("policy", &self.policy).finish()
    }
}
