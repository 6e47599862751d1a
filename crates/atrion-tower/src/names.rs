// SPDX-License-Identifier: Apache-2.0
//! Which route a request belongs to.
//!
//! A route is what can be overloaded or sick as a whole, so its name must not depend on what a
//! client can invent: never a raw path, never an unknown method. Names are joined on the stack; a
//! request allocates nothing for its route.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use atrion_engine::{Atrion, Route};
use http::Method;

use crate::head::RequestHead;

type Naming = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync;

/// How requests are assigned to routes.
///
/// A request for which the rule gives no name belongs to the route [`otherwise`](Self::otherwise),
/// `unmatched` by default.
#[derive(Clone)]
pub struct RouteNames {
    rule: Rule,
    otherwise: Arc<str>,
}

#[derive(Clone)]
enum Rule {
    Matched(Arc<Misses>),
    Fixed,
    Authority,
    Grpc(Arc<HashSet<String>>),
    By(Arc<Naming>),
}

impl RouteNames {
    /// Method and path template as axum has matched them, `GET /users/{id}`. Needs the feature
    /// `axum` and `Router::layer`; without them, and for requests that no template matches, the
    /// name is [`otherwise`](Self::otherwise). If no request has a template, all of them share one
    /// route, which protects none from the other: that is logged once, as a warning.
    #[must_use]
    pub fn matched_path() -> Self {
        Self::with(Rule::Matched(Arc::default()))
    }

    /// One route for everything.
    #[must_use]
    pub fn fixed(name: &str) -> Self {
        Self::with(Rule::Fixed).otherwise(name)
    }

    /// For clients: the authority that is called, `api.example.com:8443`, with the port only where
    /// the URI has one.
    #[must_use]
    pub fn authority() -> Self {
        Self::with(Rule::Authority)
    }

    /// The gRPC methods of this list, `/package.Service/Method`. All other calls share one route,
    /// because a client can call methods that do not exist.
    #[must_use]
    pub fn grpc(methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::with(Rule::Grpc(Arc::new(methods.into_iter().map(Into::into).collect())))
    }

    /// The name that `name` gives. It should give a few hundred names at the most; past
    /// [`Config::max_routes`] further names share the overflow route.
    ///
    /// [`Config::max_routes`]: atrion_engine::Config::max_routes
    #[must_use]
    pub fn by(
        name: impl for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Rule::By(Arc::new(name)))
    }

    /// Sets the route of all requests for which the rule gives no name.
    #[must_use]
    pub fn otherwise(mut self, name: &str) -> Self {
        self.otherwise = name.into();
        self
    }

    fn with(rule: Rule) -> Self {
        Self { rule, otherwise: "unmatched".into() }
    }

    pub(crate) fn route(&self, atrion: &Atrion, head: &RequestHead<'_>) -> Route {
        let named = match &self.rule {
            Rule::Fixed => None,
            Rule::Matched(misses) => {
                let path = matched(head);
                misses.saw(path.is_some(), &self.otherwise);
                path.map(|path| joined(&[method(head.method), " ", path], |name| atrion.route(name)))
            }
            Rule::Authority => head.uri.authority().map(|authority| {
                // User name and password are no part of a route's name.
                let authority = authority.as_str();
                atrion.route(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
            }),
            Rule::Grpc(methods) => methods.get(head.uri.path()).map(|name| atrion.route(name)),
            Rule::By(naming) => naming(head).map(|name| atrion.route(&name)),
        };
        named.unwrap_or_else(|| atrion.route(&self.otherwise))
    }
}

/// Whether a template has ever matched. Without one, the layer is around the router, where axum has
/// not matched yet, or there is no router.
#[derive(Default)]
struct Misses {
    has_matched: AtomicBool,
    count: AtomicU32,
}

/// Requests without a template above which it is no coincidence.
const SUSPICIOUS: u32 = 20;

impl Misses {
    /// Relaxed: of the threads that count at once one sees the number that is logged.
    fn saw(&self, is_match: bool, otherwise: &str) {
        if self.has_matched.load(Relaxed) {
            return;
        }
        if is_match {
            self.has_matched.store(true, Relaxed);
        } else if self.count.fetch_add(1, Relaxed) + 1 == SUSPICIOUS {
            tracing::warn!(
                name: "atrion.route.unmatched",
                target: "atrion",
                route = otherwise,
                requests = SUSPICIOUS,
                "no request has a matched path, so all of them share one route: give the layer to \
                 axum's Router::layer or route_layer, or name routes with AdmissionLayer::names"
            );
        }
    }
}

impl Default for RouteNames {
    /// [`matched_path`](Self::matched_path).
    fn default() -> Self {
        Self::matched_path()
    }
}

impl fmt::Debug for RouteNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match &self.rule {
            Rule::Matched(_) => "matched path",
            Rule::Fixed => "fixed",
            Rule::Authority => "authority",
            Rule::Grpc(_) => "listed gRPC methods",
            Rule::By(_) => "function",
        };
        f.debug_struct("RouteNames").field("rule", &rule).field("otherwise", &self.otherwise).finish()
    }
}

#[cfg(feature = "axum")]
fn matched<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    head.extensions.get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched<'a>(_: &RequestHead<'a>) -> Option<&'a str> {
    None
}

/// The method, if it is a standard one: a client can invent any number of others.
fn method(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::PATCH,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    if KNOWN.contains(method) { method.as_str() } else { "_OTHER" }
}

/// Calls `use_it` with the parts as one name: on the stack, if it is no longer than the name of a
/// route may be.
fn joined<T>(parts: &[&str], use_it: impl FnOnce(&str) -> T) -> T {
    let mut buffer = [0u8; LONGEST];
    let mut length = 0;
    for part in parts {
        let Some(place) = buffer.get_mut(length..length + part.len()) else {
            return use_it(&parts.concat());
        };
        place.copy_from_slice(part.as_bytes());
        length += part.len();
    }
    // Whole `str`s in a row are valid UTF-8. The engine refuses the empty name of the default.
    use_it(std::str::from_utf8(&buffer[..length]).unwrap_or_default())
}

/// The longest name that a route can have, in bytes.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use atrion_testkit::Lines;

    use super::*;

    #[test]
    fn names_are_joined_up_to_any_length() {
        let long = "x".repeat(LONGEST - 4);
        for path in ["/", &long, &format!("{long}y"), &long.repeat(9)] {
            joined(&["GET", " ", path], |name| assert_eq!(name, format!("GET {path}")));
        }
    }

    #[test]
    fn a_layer_that_no_template_reaches_says_so_once() {
        let warned = |requests: &[bool]| {
            let (misses, lines) = (Misses::default(), Lines::default());
            let _kept = lines.keep();
            requests.iter().for_each(|is_match| misses.saw(*is_match, "unmatched"));
            let lines = lines.take();
            assert!(lines.iter().all(|line| line.starts_with("atrion.route.unmatched")), "{lines:?}");
            lines.len()
        };
        assert_eq!(warned(&[false; 19]), 0);
        assert_eq!(warned(&[false; 200]), 1);
        // A scanner asks a router for what it does not have.
        assert_eq!(warned(&[&[true][..], &[false; 200]].concat()), 0);
    }

    #[test]
    fn invented_methods_share_a_name() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"FROBNICATE").unwrap()), "_OTHER");
    }
}
