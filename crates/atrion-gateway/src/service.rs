// SPDX-License-Identifier: Apache-2.0
//! What happens to one request: it is checked, named, given a tier, admitted or refused, passed on.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use atrion::tower::header;
use atrion::tower::{
    AdmissionBody, AdmissionLayer, AdmissionService, Hold, RequestHead, RouteNames, TrustedHeaders,
};
use atrion::{Atrion, Cost, RouteId, Tier};
use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use serde_json::Value;
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::access::{Line, Log};
use crate::callers::{Callers, Told};
use crate::client::Client;
use crate::config::{AccessLog, Admission, Config, EnvoyValue, Forwarding, Limits};
use crate::counters::Counters;
use crate::ext_proc::behind::{Behind, Link, Rest};
use crate::reply::{ReplyBody, problem};
use crate::template::{Templates, has_dots};
use crate::upstream::{ForwardError, Judge, Upstream};
use crate::{forwarding, message};

/// A request on its way through the gates of the external processor.
pub(crate) type Processing =
    Pin<Box<dyn Future<Output = Result<Response<AdmissionBody<Rest>>, ForwardError>> + Send>>;

/// What all connections share.
pub(crate) struct Shared {
    rules: ArcSwap<Rules>,
    pub(crate) log: Log,
    pub(crate) counters: Arc<Counters>,
}

/// The configuration in force, as requests need it.
pub(crate) struct Rules {
    limits: Limits,
    forwarding: Forwarding,
    access_log: AccessLog,
    default_tier: Tier,
    callers: Callers,
    routes: Vec<Arc<NamedRoute>>,
    templates: Templates,
    /// The more exact ones first.
    places: Vec<Place>,
    /// What the external processor of Envoy asks.
    behind_envoy: AdmissionService<Behind>,
    /// Where Envoy tells the name of a route.
    named_by_envoy: Option<EnvoyValue>,
    /// Headers that are not believed, and that Envoy has to take away.
    unbelieved: &'static [HeaderName],
}

/// A route of the configuration.
struct NamedRoute {
    name: String,
    tier: Option<Tier>,
    hold: Option<Hold>,
    unguarded: bool,
    cost: Option<Cost>,
}

impl NamedRoute {
    /// A route of which nothing is set but its name.
    fn of(name: String) -> Self {
        Self { name, tier: None, hold: None, unguarded: false, cost: None }
    }
}

/// The route that the gateway has found, for the layer.
#[derive(Clone)]
struct Found(Option<Arc<NamedRoute>>);

/// A service behind, with what it serves.
struct Place {
    name: String,
    host: Option<String>,
    path: String,
    guarded: AdmissionService<Upstream>,
}

impl Rules {
    pub(crate) fn new(config: &Config, atrion: &Atrion, upstreams: Vec<Upstream>, callers: Callers) -> Self {
        let mut templates = Templates::default();
        let mut routes = Vec::new();
        for rule in &config.admission.routes {
            // The configuration has been checked: no two are the same.
            let _ = templates.insert(&rule.template, routes.len());
            routes.push(Arc::new(NamedRoute {
                name: rule.template.to_string(),
                tier: rule.tier,
                hold: rule.hold,
                unguarded: rule.unguarded,
                cost: rule.cost,
            }));
        }
        let mut places: Vec<_> = config
            .upstreams
            .iter()
            .zip(upstreams)
            .map(|(settings, upstream)| Place {
                name: settings.name.clone(),
                host: settings.host.clone(),
                path: settings.path.clone(),
                guarded: layer(&config.admission, atrion).group(&settings.name).layer(upstream),
            })
            .collect();
        places.sort_by_key(|place| (place.host.is_none(), std::cmp::Reverse(place.path.len())));
        Self {
            limits: config.limits,
            forwarding: config.forwarding.clone(),
            access_log: config.access_log,
            default_tier: config.admission.default_tier,
            callers,
            routes,
            templates,
            places,
            behind_envoy: layer(&config.admission, atrion).layer(Behind),
            named_by_envoy: config.ext_proc.as_ref().and_then(|envoy| envoy.route.clone()),
            unbelieved: if config.admission.trust.is_some() { &[] } else { &UNBELIEVED },
        }
    }

    fn route(&self, method: &Method, path: &str) -> Option<Arc<NamedRoute>> {
        self.templates.find(method, path).and_then(|n| self.routes.get(n)).map(Arc::clone)
    }

    /// The route that Envoy tells by name: one of the file, or another one with nothing of its own.
    fn told_route(&self, told: &Value) -> Option<Arc<NamedRoute>> {
        let name = self.named_by_envoy.as_ref()?.texts(told).find(|name| is_route(name))?;
        let known = self.routes.iter().find(|route| route.name == name).map(Arc::clone);
        Some(known.unwrap_or_else(|| Arc::new(NamedRoute::of(name.to_owned()))))
    }

    fn place(&self, authority: &Authority, path: &str) -> Option<&Place> {
        // What dots mean is decided behind: they are sent to where everything goes, or nowhere.
        let dotted = has_dots(path);
        self.places.iter().find(|place| {
            let is_host = place.host.as_ref().is_none_or(|host| authority.host().eq_ignore_ascii_case(host));
            is_host && (place.path == "/" || !dotted && begins(path, &place.path))
        })
    }

    /// Tells the layer of a request's route and caller, and gives the tier that the file says.
    fn introduce<B>(
        &self,
        request: &mut Request<B>,
        names: &[String],
        route: Option<Arc<NamedRoute>>,
        counters: &Counters,
    ) -> Option<Tier> {
        let of_route = route.as_ref().and_then(|route| route.tier);
        let caller = self.callers.of(request, names, of_route, counters);
        let extensions = request.extensions_mut();
        extensions.insert(Found(route));
        if let Some(tenant) = caller.tenant {
            extensions.insert(tenant);
        }
        if let Some(tier) = caller.tier {
            extensions.insert(tier);
        }
        caller.tier
    }
}

/// Whether a text can name a route. One of a group names the gate of all its routes.
fn is_route(name: &str) -> bool {
    RouteId::new(name).is_ok_and(|id| !id.is_group())
}

/// Whether a path begins with whole segments.
pub(crate) fn begins(path: &str, prefix: &str) -> bool {
    let left = path.strip_prefix(prefix);
    left.is_some_and(|left| left.is_empty() || left.starts_with('/') || prefix.ends_with('/'))
}

fn layer(admission: &Admission, atrion: &Atrion) -> AdmissionLayer {
    let mut layer = AdmissionLayer::new(atrion.clone())
        .names(RouteNames::by(|head| found(head).map(|route| Cow::Borrowed(route.name.as_str()))))
        .hold_by(|head| found(head).and_then(|route| route.hold))
        .cost(|head| found(head).and_then(|route| route.cost))
        .unguarded(|head| found(head).is_some_and(|route| route.unguarded) || is_about_the_server(head))
        .default_priority(admission.default_tier)
        .classify(Judge::default())
        .detail(admission.detail);
    if let Some(trust) = &admission.trust {
        let mut trusted = TrustedHeaders::new().ceiling(trust.ceiling);
        if let Some(cohort) = &trust.cohort {
            trusted = trusted.cohort(cohort.clone());
        }
        if trust.deadlines {
            trusted = trusted.deadlines();
        }
        if let Some(most) = trust.costs {
            trusted = trusted.costs(most);
        }
        layer = layer.trust_headers(trusted);
    } else {
        layer = layer.strip_headers();
    }
    if let Some(wait) = admission.wait {
        layer = layer.wait(wait);
    }
    if admission.show_decision { layer.show_decision() } else { layer }
}

/// gRPC's health checks and reflection, which the layer lets pass by default. A path with dots may
/// lead to anything.
fn is_about_the_server(head: &RequestHead<'_>) -> bool {
    let path = head.uri.path();
    let is_about = path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.v1");
    is_about && !has_dots(path)
}

fn found<'a>(head: &RequestHead<'a>) -> Option<&'a NamedRoute> {
    head.extensions.get::<Found>()?.0.as_deref()
}

static UNBELIEVED: [HeaderName; 4] = [header::TIER, header::VOLTAGE, header::DEADLINE, header::COST];

impl Shared {
    /// Puts a request that Envoy asks about before its gates, with what Envoy tells beside its head.
    /// Gives what comes of it, and the headers that are to be taken away.
    pub(crate) fn process(
        &self,
        mut request: Request<Empty<Bytes>>,
        told: Value,
        link: Link,
    ) -> (Processing, &'static [HeaderName]) {
        let rules = self.rules.load();
        let route = rules.told_route(&told);
        let route = route.or_else(|| rules.route(request.method(), request.uri().path()));
        request.extensions_mut().insert(Told(told));
        rules.introduce(&mut request, &[], route, &self.counters);
        request.extensions_mut().insert(link);
        (Box::pin(rules.behind_envoy.clone().call(request)), rules.unbelieved)
    }

    pub(crate) fn new(rules: Rules, log: Log, counters: Arc<Counters>) -> Self {
        Self { rules: ArcSwap::from_pointee(rules), log, counters }
    }

    /// Requests that come from now on see these rules.
    pub(crate) fn replace(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    pub(crate) fn limits(&self) -> Limits {
        self.rules.load().limits
    }
}

/// The service of one connection.
#[derive(Clone)]
pub(crate) struct Door {
    shared: Arc<Shared>,
    client: Client,
}

impl Door {
    pub(crate) fn new(shared: Arc<Shared>, client: Client) -> Self {
        Self { shared, client }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<ReplyBody> {
        let busy = self.client.busy();
        let rules = self.shared.rules.load_full();
        let form = rules.access_log;
        let mut line =
            (form != AccessLog::Off).then(|| Line::begin(&self.shared.log, form, &request, &self.client));
        let response = self.pass(&rules, request, line.as_deref_mut()).await;
        if let Some(line) = &mut line {
            line.answered(&response);
        }
        response.map(|body| body.attended(busy, line))
    }

    async fn pass(
        &self,
        rules: &Rules,
        request: Request<Incoming>,
        mut line: Option<&mut Line>,
    ) -> Response<ReplyBody> {
        let version = request.version();
        let (mut parts, body) = request.into_parts();
        let checked = message::check(&parts).and_then(|authority| {
            message::count_down(&mut parts)?;
            Ok(authority)
        });
        let authority = match checked {
            Ok(authority) => authority,
            Err(error) => return self.unacceptable(version, error.status, "unacceptable", error.what),
        };
        let path = parts.uri.path();
        let Some(place) = rules.place(&authority, path) else {
            let what = "no service is configured for this host and path";
            return self.unacceptable(version, StatusCode::NOT_FOUND, "no-service", what);
        };
        let route = rules.route(&parts.method, path);
        self.tell_service(rules, &mut parts, &authority);
        parts.extensions.insert(self.client.clone());
        let mut request = Request::from_parts(parts, body);
        let tier = rules.introduce(&mut request, self.client.names(), route.clone(), &self.shared.counters);
        if let Some(line) = &mut line {
            let name = route.as_ref().map_or(UNMATCHED, |route| route.name.as_str());
            line.came_to(name, tier.unwrap_or(rules.default_tier));
        }
        let mut guarded = place.guarded.clone();
        match guarded.call(request).await {
            Ok(response) => response.map(ReplyBody::passed),
            Err(error) => {
                self.shared.counters.error(&place.name, &error);
                if let Some(line) = line {
                    line.failed(&error);
                }
                failed(version, &error)
            }
        }
    }

    /// Writes into the head what the service has to know of the client and of the way here.
    fn tell_service(&self, rules: &Rules, parts: &mut http::request::Parts, authority: &Authority) {
        let address = self.client.address();
        forwarding::tell(&rules.forwarding, &mut parts.headers, address, self.client.is_tls(), authority);
        message::add_via(&mut parts.headers, parts.version);
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            parts.headers.insert(HOST, host);
        }
    }

    fn unacceptable(
        &self,
        version: Version,
        status: StatusCode,
        kind: &str,
        what: &str,
    ) -> Response<ReplyBody> {
        self.shared.counters.unacceptable(status.as_u16());
        problem(version, status, kind, what, None)
    }
}

/// The route of requests that match no template.
const UNMATCHED: &str = "unmatched";

fn failed(version: Version, error: &ForwardError) -> Response<ReplyBody> {
    let kind = match error.status() {
        StatusCode::GATEWAY_TIMEOUT => "upstream-timeout",
        StatusCode::BAD_GATEWAY => "upstream-failed",
        _ => "request-unfinished",
    };
    problem(version, error.status(), kind, error.detail(), Some(error.stage().as_str()))
}

impl hyper::service::Service<Request<Incoming>> for Door {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.answer(request).await) })
    }
}
