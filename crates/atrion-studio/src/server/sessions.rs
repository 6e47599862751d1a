// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Who signed in. The token is exchanged for a session of its own, in a cookie that no script can read and that no other
//! site's request carries; so the token itself is in no cookie, no history and no log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::time::Instant;

use super::Problem;
use crate::lock::lock;
use crate::studio::Shared;
use crate::token::Token;

/// Sessions, in memory: they end with the process.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// `None`: everybody may look.
    token: Option<Token>,
    open: Mutex<VecDeque<(Token, Instant)>>,
    posts: Mutex<Bucket>,
}

/// The oldest has to sign in again.
const MOST: usize = 64;
const LIFE: Duration = Duration::from_secs(12 * 3_600);

/// Ten at once, then five a second: more than a person does, less than a guesser needs.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

const BURST: f64 = 10.0;
const PER_SECOND: f64 = 5.0;

impl Sessions {
    pub(crate) fn new(token: Option<Token>) -> Self {
        let posts = Bucket { left: BURST, at: Instant::now() };
        Self { token, open: Mutex::default(), posts: Mutex::new(posts) }
    }

    pub(super) fn need_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request comes from somebody who may look.
    pub(super) fn admits(&self, headers: &HeaderMap, port: u16) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        bearer.is_some_and(|text| token.is(text))
            || session_of(headers, port).is_some_and(|text| self.knows(&text))
    }

    fn knows(&self, text: &str) -> bool {
        let Ok(asked) = text.parse::<Token>() else { return false };
        let mut open = lock(&self.open);
        open.retain(|(_, since)| since.elapsed() < LIFE);
        // All are compared, so that the time tells nothing about which one it is.
        open.iter().fold(false, |found, (session, _)| found | session.eq_in_constant_time(&asked))
    }

    fn add(&self, session: Token) {
        let mut open = lock(&self.open);
        if open.len() >= MOST {
            open.pop_front();
        }
        open.push_back((session, Instant::now()));
    }

    fn remove(&self, text: &str) {
        let Ok(asked) = text.parse::<Token>() else { return };
        let mut open = lock(&self.open);
        open.retain(|(session, _)| !session.eq_in_constant_time(&asked));
    }

    /// Takes a place for a change or a try of the token; false if there were too many.
    pub(super) fn may_post(&self) -> Result<(), Problem> {
        let mut posts = lock(&self.posts);
        let gained = posts.at.elapsed().as_secs_f64() * PER_SECOND;
        *posts = Bucket { left: (posts.left + gained).min(BURST) - 1.0, at: Instant::now() };
        if posts.left >= 0.0 {
            return Ok(());
        }
        posts.left = 0.0;
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many changes at once: wait a second"))
    }
}

/// The name has the port in it: cookies of one host are shared by all its ports.
fn cookie(port: u16) -> String {
    format!("atrion_studio_{port}")
}

fn session_of(headers: &HeaderMap, port: u16) -> Option<String> {
    let name = cookie(port);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    token: String,
}

/// `POST /session {"token": "…"}`: exchanges the token for a session.
pub(super) async fn open(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let sessions = &shared.sessions;
    sessions.may_post()?;
    let wrong = || Problem::new(StatusCode::FORBIDDEN, "this is not the token of this Studio");
    let credentials: Credentials = serde_json::from_slice(&body).map_err(|_| wrong())?;
    let Some(token) = &sessions.token else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    if !token.is(&credentials.token) {
        tracing::warn!(target: "atrion::studio", "somebody tried a wrong token");
        return Err(wrong());
    }
    let unavailable =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "there is no randomness for a session");
    let session = Token::generate().map_err(unavailable)?;
    let response = with_cookie(&format!("{}; Max-Age={}", session.reveal(), LIFE.as_secs()), &shared);
    sessions.add(session);
    Ok(response)
}

/// `POST /session/end`: signs out.
pub(super) async fn end(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    shared.sessions.may_post()?;
    if let Some(text) = session_of(&headers, shared.address.port()) {
        shared.sessions.remove(&text);
    }
    Ok(with_cookie("; Max-Age=0", &shared))
}

fn with_cookie(value: &str, shared: &Shared) -> Response {
    let name = cookie(shared.address.port());
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict");
    let mut response = StatusCode::NO_CONTENT.into_response();
    // Base64url and what stands here are fit for a header.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sessions_end_and_are_bounded() {
        let sessions = Sessions::new(Some(Token::generate().unwrap()));
        let tokens: Vec<Token> = (0..=MOST).map(|_| Token::generate().unwrap()).collect();
        for token in &tokens {
            sessions.add(token.clone());
        }
        let known = |n: usize| sessions.knows(&tokens[n].reveal());
        assert!(!known(0) && known(1) && known(MOST));
        sessions.remove(&tokens[1].reveal());
        assert!(!known(1) && known(2));
        tokio::time::advance(LIFE).await;
        assert!(!known(2) && !sessions.knows("nonsense"));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_posts_faster_than_a_person() {
        let sessions = Sessions::new(None);
        let passed = (0..100).filter(|_| sessions.may_post().is_ok()).count();
        assert_eq!(passed, 10);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..100).filter(|_| sessions.may_post().is_ok()).count(), 5);
    }
}
