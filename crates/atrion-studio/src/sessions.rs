// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The sessions of a Studio. Signing in exchanges the token for a session with a secret of its own,
//! so that the token itself is in no cookie, no history and no log.
//!
//! It knows no HTTP: the handlers find secrets in headers and cookies.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use atrion_state::lock;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::bucket::{Bucket, TooFast};
use crate::token::Token;

/// Sessions, in memory: they end with the process.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// `None`: everybody may look.
    token: Option<Token>,
    open: Mutex<VecDeque<Session>>,
    /// Two buckets, so that guesses at the token hold up no change in the middle of an outage.
    guesses: Bucket,
    changes: Bucket,
}

#[derive(Debug)]
struct Session {
    secret: Token,
    until: Instant,
    /// Dropped with the session, however that ends: every holder of a pass then knows.
    open: watch::Sender<()>,
}

/// The right to look, and for how long.
#[derive(Debug, Clone)]
pub(crate) enum Pass {
    /// No token is needed, or it was shown.
    Free,
    /// A session.
    Session { until: Instant, open: watch::Receiver<()> },
}

/// Why no session was opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The token is another.
    Wrong,
    /// There were too many wrong tokens.
    TooFast,
    /// There is no randomness for a secret.
    NoRandomness,
}

/// Past this number the oldest session ends.
const MOST: usize = 64;

/// How long a session lasts.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 3_600);

impl Pass {
    /// Returns when the pass is valid no longer.
    pub(crate) async fn ended(self) {
        match self {
            Self::Free => std::future::pending().await,
            // Nothing is ever sent, so this is an error or too late: both are the end.
            Self::Session { until, mut open } => drop(timeout_at(until, open.changed()).await),
        }
    }
}

impl Sessions {
    pub(crate) fn new(token: Option<Token>) -> Self {
        Self { token, open: Mutex::default(), guesses: Bucket::full(), changes: Bucket::full() }
    }

    pub(crate) fn need_token(&self) -> bool {
        self.token.is_some()
    }

    /// The pass of a request, from the bearer token and the session secrets that it carries.
    pub(crate) fn pass<'a>(
        &self,
        bearer: Option<&str>,
        mut secrets: impl Iterator<Item = &'a str>,
    ) -> Option<Pass> {
        let Some(token) = &self.token else { return Some(Pass::Free) };
        if bearer.is_some_and(|text| token.is(text)) {
            return Some(Pass::Free);
        }
        secrets.find_map(|text| self.pass_of(text))
    }

    fn pass_of(&self, text: &str) -> Option<Pass> {
        let asked = text.parse::<Token>().ok()?;
        let mut open = lock(&self.open);
        open.retain(|session| Instant::now() < session.until);
        // All are compared, so that the time does not tell which one matches.
        let session = open.iter().fold(None, |found, session| {
            if session.secret.eq_in_constant_time(&asked) { Some(session) } else { found }
        })?;
        Some(Pass::Session { until: session.until, open: session.open.subscribe() })
    }

    /// Exchanges the token for the secret of a new session; `None` where no token is needed.
    ///
    /// The right token is never refused because of wrong ones.
    pub(crate) fn open(&self, given: Option<&str>) -> Result<Option<Token>, NotOpened> {
        let Some(token) = &self.token else { return Ok(None) };
        if !given.is_some_and(|given| token.is(given)) {
            self.guesses.take().map_err(|TooFast| NotOpened::TooFast)?;
            tracing::warn!(target: "atrion::studio", "a wrong token was given");
            return Err(NotOpened::Wrong);
        }
        let secret = Token::generate().map_err(|_| NotOpened::NoRandomness)?;
        self.add(secret.clone());
        Ok(Some(secret))
    }

    fn add(&self, secret: Token) {
        let mut open = lock(&self.open);
        if open.len() >= MOST {
            open.pop_front();
        }
        open.push_back(Session { secret, until: Instant::now() + LIFE, open: watch::Sender::new(()) });
    }

    /// Ends a session. What was opened in it ends with it.
    pub(crate) fn remove(&self, text: &str) {
        let Ok(asked) = text.parse::<Token>() else { return };
        lock(&self.open).retain(|session| !session.secret.eq_in_constant_time(&asked));
    }

    /// Takes a place for a change by somebody with a pass.
    pub(crate) fn may_change(&self) -> Result<(), TooFast> {
        self.changes.take()
    }
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
        // No request comes for it meanwhile.
        lapsed.await.unwrap();
        assert!(began.elapsed() >= LIFE);
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_hold_up_neither_the_token_nor_changes() {
        let token = Token::generate().unwrap();
        let sessions = Sessions::new(Some(token.clone()));
        let refused = (0..100).filter(|_| matches!(sessions.open(Some("x")), Err(NotOpened::TooFast)));
        assert_eq!(refused.count(), 90);
        assert!(sessions.may_change().is_ok());
        assert!(matches!(sessions.open(Some(&token.reveal())), Ok(Some(_))));
    }
}
