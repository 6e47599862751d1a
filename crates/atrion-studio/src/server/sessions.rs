// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Signing in and out: the session's secret is in a cookie that no script can read and that no
//! request of another site carries.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::problem::Problem;
use crate::bucket::TooFast;
use crate::sessions::{LIFE, NotOpened, Pass};
use crate::shared::Shared;

/// The pass of a request with these headers, if it has one.
pub(super) fn pass(shared: &Shared, headers: &HeaderMap) -> Option<Pass> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    shared.sessions.pass(bearer, secrets(headers, shared.address.port()))
}

/// The name has the port in it: cookies of one host are shared by all its ports.
fn cookie(port: u16) -> String {
    format!("atrion_studio_{port}")
}

/// All cookies of that name: a page on another port of this host can set one for a longer path,
/// which browsers then send first.
fn secrets(headers: &HeaderMap, port: u16) -> impl Iterator<Item = &str> {
    let name = cookie(port);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(move |(key, value)| (key == name).then_some(value))
        .take(MOST_COOKIES)
}

/// More than a browser has by chance.
const MOST_COOKIES: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    token: String,
}

/// `POST /session {"token": "…"}`: exchanges the token for a session.
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let given: Option<Credentials> = serde_json::from_slice(&body).ok();
    let given = given.as_ref().map(|given| given.token.as_str());
    let Some(secret) = shared.sessions.open(given)? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let value = format!("{}; Max-Age={}", secret.reveal(), LIFE.as_secs());
    Ok(with_cookie(&value, &shared, &headers))
}

impl From<NotOpened> for Problem {
    fn from(why: NotOpened) -> Self {
        match why {
            NotOpened::Wrong => Self::new(StatusCode::FORBIDDEN, "this is not the token of this Studio"),
            NotOpened::TooFast => TooFast.into(),
            NotOpened::NoRandomness => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "there is no randomness for a session")
            }
        }
    }
}

/// `POST /session/end`: signs out. What was opened in the session ends with it.
pub(super) async fn end(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    secrets(&headers, shared.address.port()).for_each(|text| shared.sessions.remove(text));
    with_cookie("; Max-Age=0", &shared, &headers)
}

fn with_cookie(value: &str, shared: &Shared, headers: &HeaderMap) -> Response {
    let name = cookie(shared.address.port());
    // The origin of a page behind a proxy with TLS is https: its cookie then never goes without
    // TLS.
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let secure = if origin.is_some_and(|origin| origin.starts_with(b"https:")) { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
    let mut response = StatusCode::NO_CONTENT.into_response();
    // Base64url and these words are fit for a header.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
