// SPDX-License-Identifier: Apache-2.0
//! A small read-only JSON API over an instance, for dashboards and scripts of your own.
//!
//! [`Api`] is a [`Service`] that any HTTP server can mount below a path of its choice. It only
//! reads, so all that has to be protected is what it shows. It has no authentication and is not
//! meant for the open internet: mount it where your health checks are. `manual/studio.md`, "The
//! JSON API", describes the fields. Version 1 only ever gains fields.
//!
//! | GET | what |
//! |---|---|
//! | `/v1` | the version of the API, and its paths |
//! | `/v1/state` | every route: mode, R and its terms, in-flight, N*, counts by tier; overrides; the store's health |
//! | `/v1/route?name=…` | one route |
//! | `/v1/events?after=N` | what happened after event N, of the latest 2,048 |
//! | `/v1/refusals?after=N` | a few of the latest refusals after sample N, with every term |
//!
//! ```
//! # async fn serve(atrion: atrion_engine::Atrion) {
//! # #[cfg(feature = "axum")] {
//! use atrion_tower::api::Api;
//!
//! let app: axum::Router = axum::Router::new().nest_service("/atrion", Api::new(&atrion));
//! # }
//! # }
//! ```

mod model;
pub use self::model::{
    InstanceView, LeaseView, LostLeaseView, NodesView, OutageView, OutcomesView, OverrideView, RefusalView,
    RouteView, ShareView, SignalView, StoreView, TermsView, TierView, override_name,
};

mod event;
pub use self::event::{EventText, EventView, Severity};

mod log;
pub use self::log::{EventLog, EventPage};

mod respond;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use atrion_engine::{Atrion, RefusalSample};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_service::Service;

/// The API of one instance. Cheap to clone; all clones share one log of events.
#[derive(Debug, Clone)]
pub struct Api {
    atrion: Atrion,
    log: Arc<EventLog>,
    started_ms: u64,
}

impl Api {
    /// Makes the API of an instance. From now on it keeps events, the latest 2,048.
    ///
    /// Spawns a task on the current tokio runtime, which ends with the last clone. Outside of a
    /// runtime no events are kept.
    #[must_use]
    pub fn new(atrion: &Atrion) -> Self {
        let log = Arc::new(EventLog::default());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(log::remember(Arc::downgrade(&log), atrion.subscribe()));
        }
        Self { atrion: atrion.clone(), log, started_ms: model::wall() }
    }

    /// The instance.
    #[must_use]
    pub fn atrion(&self) -> &Atrion {
        &self.atrion
    }

    /// Since when it counts events, in milliseconds since the Unix epoch. The number of an event
    /// means nothing under another start.
    #[must_use]
    pub fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// Everything about every route.
    #[must_use]
    pub fn state(&self) -> InstanceView {
        InstanceView::of(&self.atrion)
    }

    /// What happened after the event of that number (0: all that is kept), oldest first.
    #[must_use]
    pub fn events_after(&self, number: u64) -> EventPage {
        self.log.after(number)
    }

    /// A few of the latest refusals; see
    /// [`Routes::refusals_after`](atrion_engine::Routes::refusals_after).
    #[must_use]
    pub fn refusals_after(&self, number: u64) -> Vec<RefusalView> {
        let now = (self.atrion.now(), model::wall());
        let view = |sample: RefusalSample| RefusalView::of(&sample, now);
        self.atrion.routes().refusals_after(number).into_iter().map(view).collect()
    }
}

impl<B> Service<Request<B>> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(respond::to(self, request.method(), request.uri())))
    }
}
