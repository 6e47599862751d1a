// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Who signed in. The token is exchanged for a session of its own, in a cookie that no script can read and that no other
//! site's request carries; so the token itself is in no cookie, no history and no log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
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
    /// Apart from each other, so that who guesses keeps nobody from a change in the middle of an outage.
    guesses: Bucket,
    changes: Bucket,
}

/// The oldest has to sign in again.
const MOST: usize = 64;
const LIFE: Duration = Duration::from_secs(12 * 3_600);

/// Ten at once, then five a second: more than a person does, less than a guesser needs.
#[derive(Debug)]
struct Bucket(Mutex<(f64, Instant)>);

const BURST: f64 = 10.0;
const PER_SECOND: f64 = 5.0;

impl Sessions {
    pub(crate) fn new(token: Option<Token>) -> Self {
        Self { token, open: Mutex::default(), guesses: Bucket::full(), changes: Bucket::full() }
    }

    pub(super) fn need_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request comes from somebody who may look.
    pub(super) fn admits(&self, headers: &HeaderMap, port: u16) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        bearer.is_some_and(|text| token.is(text)) || sessions_of(headers, port).any(|text| self.knows(text))
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

    /// Whether there was one.
    fn remove(&self, text: &str) -> bool {
        let Ok(asked) = text.parse::<Token>() else { return false };
        let mut open = lock(&self.open);
        let before = open.len();
        open.retain(|(session, _)| !session.eq_in_constant_time(&asked));
        open.len() < before
    }

    /// Takes a place for a change of somebody who signed in.
    pub(super) fn may_change(&self) -> Result<(), Problem> {
        self.changes.take()
    }
}

impl Bucket {
    fn full() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }

    fn take(&self) -> Result<(), Problem> {
        let mut bucket = lock(&self.0);
        let (left, at) = *bucket;
        let left = (left + at.elapsed().as_secs_f64() * PER_SECOND).min(BURST);
        let is_enough = left >= 1.0;
        // Who asks again too early loses nothing by it: otherwise the impatient would wait for ever.
        *bucket = (if is_enough { left - 1.0 } else { left }, Instant::now());
        if is_enough {
            return Ok(());
        }
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many at once: wait a second"))
    }
}

/// The name has the port in it: cookies of one host are shared by all its ports.
fn cookie(port: u16) -> String {
    format!("atrion_studio_{port}")
}

/// All of that name: a page of another port of this host can set one for a longer path, which browsers then send first.
fn sessions_of(headers: &HeaderMap, port: u16) -> impl Iterator<Item = &str> {
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

/// More than anybody has by chance.
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
    let sessions = &shared.sessions;
    let wrong = || Problem::new(StatusCode::FORBIDDEN, "this is not the token of this Studio");
    let Some(token) = &sessions.token else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let given: Option<Credentials> = serde_json::from_slice(&body).ok();
    // Who has the token is never kept waiting by those who guess.
    if !given.is_some_and(|given| token.is(&given.token)) {
        sessions.guesses.take()?;
        tracing::warn!(target: "atrion::studio", "somebody tried a wrong token");
        return Err(wrong());
    }
    let unavailable =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "there is no randomness for a session");
    let session = Token::generate().map_err(unavailable)?;
    let response =
        with_cookie(&format!("{}; Max-Age={}", session.reveal(), LIFE.as_secs()), &shared, &headers);
    sessions.add(session);
    Ok(response)
}

/// `POST /session/end`: signs out. Streams do not know whose they are, so all of them end: the others come back by
/// themselves within a second and go on where they were, those of this session are asked for the token.
pub(super) async fn end(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let ended =
        sessions_of(&headers, shared.address.port()).filter(|text| shared.sessions.remove(text)).count();
    if ended > 0 {
        shared.hub.close();
    }
    with_cookie("; Max-Age=0", &shared, &headers)
}

fn with_cookie(value: &str, shared: &Shared, headers: &HeaderMap) -> Response {
    let name = cookie(shared.address.port());
    // A page that came through a proxy with TLS says so; its cookie then never goes another way.
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let secure = if origin.is_some_and(|origin| origin.starts_with(b"https:")) { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
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
    async fn nobody_changes_things_faster_than_a_person() {
        let sessions = Sessions::new(None);
        let passed = (0..100).filter(|_| sessions.may_change().is_ok()).count();
        assert_eq!(passed, 10);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..100).filter(|_| sessions.may_change().is_ok()).count(), 5);
        // Who does not wait gets as much in a second as who does, and no more.
        let mut passed = 0;
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(10)).await;
            passed += usize::from(sessions.may_change().is_ok());
        }
        assert!((4..=5).contains(&passed), "{passed}");
    }
}
