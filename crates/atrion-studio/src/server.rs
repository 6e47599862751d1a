// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The HTTP side. Every request goes through the guard (right host, right origin, headers that
//! leave a hostile page nothing to work with). All but the page itself and signing in need a
//! session; the views need a license, too.

mod answer;
mod data;
mod guard;
mod overrides;
mod pages;
mod past;
mod problem;
mod sessions;
mod until;
mod whatif;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::sync::watch;

use self::problem::Problem;
use crate::listener::Guarded;
use crate::rooms::Place;
use crate::shared::Shared;

/// Serves until `stop` says so.
pub(crate) async fn serve(listener: Guarded, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        // An error means that the handle is gone, which means the same.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let service = router(shared).into_make_service_with_connect_info::<Place>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(target: "atrion::studio", %error, "studio is served no longer");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let views = Router::new()
        .route("/stream", get(data::stream))
        .route("/history", get(data::history))
        .route("/events.ndjson", get(data::export))
        .route("/past", get(past::page))
        .route("/past.ndjson", get(past::export))
        .route("/whatif", get(whatif::kept).post(whatif::ask))
        .route("/overrides", post(overrides::set))
        .route("/overrides/lift", post(overrides::lift))
        .route("/leases/revoke", post(overrides::revoke))
        .route_layer(from_fn_with_state(Arc::clone(&shared), guard::licensed));
    let known = Router::new().nest("/studio/v1", views);
    let known = match shared.source.api() {
        Some(api) => known.nest_service("/api", api),
        None => known,
    };
    let known = known.layer(from_fn(guard::signed_in));
    Router::new()
        .route("/", get(pages::index))
        .route("/assets/{*file}", get(pages::asset))
        .route("/studio/v1/about", get(data::about))
        .route("/session", post(sessions::open))
        .route("/session/end", post(sessions::end))
        .merge(known)
        .fallback(|| async { Problem::not_found("there is nothing here: / is the page, /api/v1 the API") })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(&shared), guard::room))
        .layer(from_fn_with_state(Arc::clone(&shared), guard::right_host_and_origin))
        .layer(from_fn(guard::headers))
        .with_state(shared)
}

/// The longest request body, in bytes: a reason of 500 characters fits many times.
const BODY: usize = 16 * 1024;
