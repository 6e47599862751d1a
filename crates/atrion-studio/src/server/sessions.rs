// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Who signed in. The token is exchanged for a session of its own, in a cookie that no script can read and that no other
//! site's request carries; so the token itself is in no cookie, no history and no log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_state::lock;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Problem;
use crate::studio::Shared;
use crate::token::Token;

/// Sessions, in memory: they end with the process.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// `None`: everybody may look.
    token: Option<Token>,
    open: Mutex<VecDeque<Session>>,
    /// Apart from each other, so that who guesses keeps nobody from a change in the middle of an outage.
    guesses: Bucket,
    changes: Bucket,
}

#[derive(Debug)]
struct Session {
    secret: Token,
    until: Instant,
    /// Dropped with the session, however that ends: whoever holds a pass then knows.
    open: watch::Sender<()>,
}

/// By what somebody may look, and for how long.
#[derive(Debug, Clone)]
pub(super) enum Pass {
    /// There is no token to be shown, or it was shown.
    Free,
    /// A session.
    Session { until: Instant, open: watch::Receiver<()> },
}

impl Pass {
    /// Returns when whoever has the pass may look no longer.
    pub(super) async fn ended(self) {
        match self {
            Self::Free => std::future::pending().await,
            // Nothing is ever sent, so that this is an error or too late: both are the end.
            Self::Session { until, mut open } => drop(timeout_at(until, open.changed()).await),
        }
    }
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

    /// What a request may look by, if it comes from somebody who may.
    pub(super) fn admits(&self, headers: &HeaderMap, port: u16) -> Option<Pass> {
        let Some(token) = &self.token else { return Some(Pass::Free) };
        let bearer =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if bearer.is_some_and(|text| token.is(text)) {
            return Some(Pass::Free);
        }
        sessions_of(headers, port).find_map(|text| self.pass_of(text))
    }

    fn pass_of(&self, text: &str) -> Option<Pass> {
        let asked = text.parse::<Token>().ok()?;
        let mut open = lock(&self.open);
        open.retain(|session| Instant::now() < session.until);
        // All are compared, so that the time tells nothing about which one it is.
        let session = open.iter().fold(None, |found, session| {
            if session.secret.eq_in_constant_time(&asked) { Some(session) } else { found }
        })?;
        Some(Pass::Session { until: session.until, open: session.open.subscribe() })
    }

    fn add(&self, secret: Token) {
        let mut open = lock(&self.open);
        if open.len() >= MOST {
            open.pop_front();
        }
        open.push_back(Session { secret, until: Instant::now() + LIFE, open: watch::Sender::new(()) });
    }

    fn remove(&self, text: &str) {
        let Ok(asked) = text.parse::<Token>() else { return };
        lock(&self.open).retain(|session| !session.secret.eq_in_constant_time(&asked));
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

/// `POST /session/end`: signs out. What was opened in the session ends with it.
pub(super) async fn end(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    sessions_of(&headers, shared.address.port()).for_each(|text| shared.sessions.remove(text));
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
        let known = |n: usize| sessions.pass_of(&tokens[n].reveal()).is_some();
        assert!(!known(0) && known(1) && known(MOST));
        sessions.remove(&tokens[1].reveal());
        assert!(!known(1) && known(2));
        tokio::time::advance(LIFE).await;
        assert!(!known(2) && sessions.pass_of("nonsense").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_ends_with_its_session_however_that_ends() {
        let sessions = Sessions::new(Some(Token::generate().unwrap()));
        let tokens: Vec<Token> = (0..=MOST).map(|_| Token::generate().unwrap()).collect();
        let end_of = |n: usize| {
            sessions.add(tokens[n].clone());
            tokio::spawn(sessions.pass_of(&tokens[n].reveal()).unwrap().ended())
        };
        let (signed_out, made_room, lapsed) = (end_of(0), end_of(1), end_of(2));
        let began = Instant::now();
        sessions.remove(&tokens[0].reveal());
        signed_out.await.unwrap();
        tokens[3..].iter().for_each(|token| sessions.add(token.clone()));
        assert!(sessions.pass_of(&tokens[1].reveal()).is_some(), "there is just room for it");
        sessions.add(Token::generate().unwrap());
        made_room.await.unwrap();
        assert!(began.elapsed() < LIFE && !lapsed.is_finished());
        // Nobody asks for it meanwhile.
        lapsed.await.unwrap();
        assert!(began.elapsed() >= LIFE);
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
