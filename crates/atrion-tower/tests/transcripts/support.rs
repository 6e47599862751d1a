// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_core::Mode;
use atrion_engine::{Atrion, Config, Counts, RouteConfig, RouteSnapshot};
use atrion_state::FakeClock;
use atrion_tower::{AdmissionBody, AdmissionLayer, AdmissionService, RequestBody};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tower_test::mock::{Handle, Mock, Spawn};

pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;
/// A request as clients send it, and as the server gets it.
pub(crate) type Sent = Request<Full<Bytes>>;
pub(crate) type Seen = Request<RequestBody<Full<Bytes>>>;
/// The same behind two layers.
pub(crate) type SeenInside = Request<RequestBody<RequestBody<Full<Bytes>>>>;
pub(crate) type Server = Handle<Seen, Response<Body>>;
pub(crate) type Service = Spawn<AdmissionService<Mock<Seen, Response<Body>>>>;
pub(crate) type Answer = Response<AdmissionBody<Body>>;

/// An instance whose clock stands still.
pub(crate) struct World {
    pub(crate) atrion: Atrion,
    pub(crate) clock: FakeClock,
}

impl World {
    pub(crate) async fn new(config: Config) -> Self {
        let clock = FakeClock::new();
        let atrion = Atrion::builder().config(config).clock(std::sync::Arc::new(clock.clone())).connect();
        Self { atrion: atrion.await.unwrap(), clock }
    }

    /// Every route has room for one request.
    pub(crate) async fn with_room_for_one() -> Self {
        let default = RouteConfig::default().cap(1);
        Self::new(Config { default, ..Config::default() }).await
    }

    pub(crate) fn layer(&self) -> AdmissionLayer {
        AdmissionLayer::new(self.atrion.clone())
    }

    /// The counters of a route, up to this moment.
    pub(crate) fn counts(&self, route: &str) -> Counts {
        self.clock.advance(Duration::from_millis(100));
        self.atrion.engine().pulse(self.atrion.now());
        self.snapshot(route).counts
    }

    pub(crate) fn in_flight(&self, route: &str) -> u64 {
        self.snapshot(route).in_flight
    }

    pub(crate) fn mode(&self, route: &str) -> Mode {
        self.snapshot(route).mode
    }

    /// Admitted requests that wait for their client.
    pub(crate) fn waiting(&self, route: &str) -> u64 {
        self.snapshot(route).waiting
    }

    fn snapshot(&self, route: &str) -> RouteSnapshot {
        let mut routes = self.atrion.snapshot().routes.into_iter();
        routes.find(|snapshot| snapshot.id.as_str() == route).unwrap()
    }

    /// The routes that have been made, but for the overflow route and groups.
    pub(crate) fn routes(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.atrion.snapshot().routes.iter().map(|route| route.id.as_str().to_owned()).collect();
        names.retain(|name| name != atrion_engine::OVERFLOW_ROUTE && !name.starts_with('@'));
        names.sort();
        names
    }
}

/// A service, and the handle that plays the inner service, which is always ready.
pub(crate) fn spawn(layer: AdmissionLayer) -> (Service, Server) {
    let (service, mut server) = tower_test::mock::spawn_layer(layer);
    server.allow(1_000);
    (service, server)
}

pub(crate) fn get(path: &str) -> Sent {
    Request::get(path).body(Full::default()).unwrap()
}

pub(crate) fn body(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync()
}

/// Sends `request` and lets the server answer `response`.
pub(crate) async fn exchange(
    service: &mut Service,
    server: &mut Server,
    request: Sent,
    response: Response<Body>,
) -> Answer {
    let call = begin(service, request);
    let (_, send) = server.next_request().await.unwrap();
    send.send_response(response);
    call.await.unwrap()
}

/// Sends `request` and leaves it in flight.
pub(crate) fn begin(
    service: &mut Service,
    request: Sent,
) -> impl Future<Output = Result<Answer, tower::BoxError>> + Send + use<> {
    assert!(service.poll_ready::<Sent>().is_ready());
    service.call(request)
}

/// Sends `request`, which must be refused without reaching the server.
pub(crate) async fn refused(service: &mut Service, server: &mut Server, request: Sent) -> Answer {
    let answer = begin(service, request).await.unwrap();
    let mut next = tokio_test::task::spawn(server.next_request());
    assert!(next.poll().is_pending(), "the server saw a request that was refused");
    answer
}
