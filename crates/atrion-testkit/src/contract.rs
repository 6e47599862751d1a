// SPDX-License-Identifier: Apache-2.0
//! The contract of a [`StateProvider`] as checks that run against any of them.
//!
//! The modules have the headings of the port's documentation; each check is one sentence of it. [`run_all`] runs
//! every check against a fresh subject and reports each by name:
//!
//! ```
//! use std::sync::Arc;
//! use atrion_state::{FakeClock, InMemoryProvider};
//! use atrion_testkit::contract::{self, Subject, Time};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let report = contract::run_all(|| async {
//!     let clock = FakeClock::new();
//!     let provider = InMemoryProvider::with_clock(Arc::new(clock.clone()));
//!     Subject::new(Arc::new(provider), Time::Fake(clock))
//! })
//! .await;
//! report.assert_kept();
//! # }
//! ```
//! A check that a provider's capabilities rule out is *skipped* and reported as such, never as kept.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use atrion_state::{BoxFuture, FakeClock, ProviderError, StateProvider};

mod support;

pub mod attaching;
pub mod batch;
pub mod capabilities;
pub mod connection;
pub mod reading;
pub mod stats;
pub mod subscription;
pub mod view;
pub mod writing;

mod report;
pub use report::{Entry, Report};

/// A provider under test, connected to an empty store.
#[derive(Debug, Clone)]
pub struct Subject {
    provider: Arc<dyn StateProvider>,
    peer: Option<Arc<dyn StateProvider>>,
    time: Time,
}

/// How time passes for the provider's store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Time {
    /// The test moves it.
    Fake(FakeClock),
    /// The store has a clock of its own: the check waits, by tokio's time.
    Real,
}

impl Subject {
    /// A provider and the way its time passes. `run_all` connects it.
    #[must_use]
    pub fn new(provider: Arc<dyn StateProvider>, time: Time) -> Self {
        Self { provider, peer: None, time }
    }

    /// The same with another *node's* provider over the same store, for checks of what nodes see of each other.
    #[must_use]
    pub fn with_peer(mut self, peer: Arc<dyn StateProvider>) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Lets time pass for the store.
    pub(crate) async fn pass(&self, span: Duration) {
        match &self.time {
            Time::Fake(clock) => clock.advance(span),
            Time::Real => tokio::time::sleep(span).await,
        }
    }
}

/// What a check found, if it is not that the contract was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The check does not apply to this provider.
    Skipped(&'static str),
    /// The contract is broken.
    Broken(String),
}

impl From<ProviderError> for Finding {
    fn from(error: ProviderError) -> Self {
        Self::Broken(format!("an error where none was due: {error}"))
    }
}

/// The result of a check.
pub type Verdict = Result<(), Finding>;

/// One check: its heading, its name, and the function.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Check {
    /// The method of the port that it belongs to.
    pub heading: &'static str,
    /// The sentence, with underscores.
    pub name: &'static str,
    /// The function.
    pub run: fn(Subject) -> BoxFuture<'static, Verdict>,
}

macro_rules! checks {
    ($($module:ident: $heading:literal { $($name:ident),+ $(,)? })+) => {
        /// Every check of the contract.
        pub const CHECKS: &[Check] = &[$($(
            Check {
                heading: $heading,
                name: stringify!($name),
                run: |subject| Box::pin(async move { $module::$name(&subject).await }),
            },
        )+)+];
    };
}

checks! {
    capabilities: "capabilities" { capabilities_are_constant_and_true }
    connection: "connect" { connecting_twice_is_connecting_once, what_was_stored_is_there_after_a_reconnect }
    connection: "disconnect" {
        disconnecting_twice_is_disconnecting_once, disconnecting_without_a_connection_does_nothing,
        a_disconnected_provider_answers_or_refuses, subscriptions_end_with_the_connection,
    }
    reading: "get_vector" {
        a_cold_start_gives_none, a_vector_comes_back_as_it_was_stored, age_grows_and_nothing_else_changes,
        an_age_that_was_given_is_carried, reading_changes_nothing,
    }
    writing: "update_vector" {
        a_write_is_read_at_once, the_later_call_wins, the_same_update_twice_is_the_same_as_once, routes_do_not_mix,
        hostile_values_do_no_harm, concurrent_updates_leave_one_of_them_whole, a_dropped_update_does_no_harm,
    }
    batch: "update_batch" {
        a_batch_equals_its_single_updates, the_later_entry_of_a_route_wins, an_empty_batch_does_nothing,
        a_batch_of_the_longest_length_is_taken,
    }
    subscription: "subscribe" {
        every_subscriber_gets_every_change, a_subscriber_that_leaves_takes_nobody_along,
        a_full_subscription_is_bounded_and_keeps_the_newest,
    }
    view: "view" { a_node_is_not_its_own_peer, an_unknown_route_has_no_peers, a_peer_is_seen_sorted_and_aged }
    view: "peers" { peers_are_what_the_view_shows_in_its_order }
    view: "sharing" { who_shares_nothing_has_no_peers_and_says_so_at_any_time }
    view: "published_weight" { only_what_was_published_has_a_published_weight }
    view: "health" { health_answers_at_any_time }
    attaching: "attach" { an_observer_may_come_at_any_time, an_observer_that_comes_later_replaces_the_earlier }
    attaching: "attach_merged_scars" { gates_may_come_at_any_time_and_are_not_asked_under_a_lock }
    stats: "stats" { stats_answer_at_any_time, the_same_stores_come_in_the_same_order, counts_never_go_back }
}

/// A check that takes longer is reported as hanging. Generous: real stores start their containers cold.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs every check, each against a fresh subject of `factory`, which it connects first.
///
/// A check that panics or hangs is reported as broken like any other. Runs on a tokio runtime with time enabled.
pub async fn run_all<F, S>(factory: F) -> Report
where
    F: Fn() -> S,
    S: Future<Output = Subject>,
{
    let mut report = Report::default();
    for check in CHECKS {
        let subject = factory().await;
        report.push(*check, run(*check, subject).await);
    }
    report
}

async fn run(check: Check, subject: Subject) -> Verdict {
    let mut task = tokio::spawn(async move {
        subject.provider.connect().await?;
        if let Some(peer) = &subject.peer {
            peer.connect().await?;
        }
        (check.run)(subject).await
    });
    match tokio::time::timeout(PATIENCE, &mut task).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(died)) => Err(Finding::Broken(format!("it panicked: {died}"))),
        Err(_) => {
            task.abort();
            Err(Finding::Broken(format!("it did not end within {PATIENCE:?}")))
        }
    }
}
