// SPDX-License-Identifier: Apache-2.0
//! The contract of a [`StateProvider`](atrion_state::StateProvider) as checks that run against any
//! provider.
//!
//! The modules have the headings of the port's documentation. Each check is one sentence of it, and
//! its documentation begins with the clause that it holds (*Meaning*, *Order*, *Repeat-safety*,
//! *Failure leaves behind*, *May not*, or one of the rules for every method). [`run_all`] runs
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
//! A check that a provider's capabilities rule out is *skipped* and reported as such, never as
//! kept. A provider that says it is [durable](atrion_state::Capabilities::durable) has to show it:
//! its subject is made by [`Subject::opened_by`], so that the suite can open the store a second
//! time.

use std::future::Future;
use std::time::Duration;

mod support;

mod check;
pub use check::{Check, Finding, Verdict};

mod subject;
pub use subject::{Subject, Time};

pub mod attaching;
pub mod batch;
pub mod capabilities;
pub mod connection;
pub mod leases;
pub mod reading;
pub mod reopening;
pub mod stats;
pub mod subscription;
pub mod view;
pub mod writing;

mod report;
pub use report::{Entry, Report};

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
    connection: "connect" { connecting_twice_is_connecting_once }
    connection: "disconnect" {
        what_was_stored_is_there_after_a_reconnect, disconnecting_twice_is_disconnecting_once,
        disconnecting_without_a_connection_does_nothing, a_disconnected_provider_answers_or_refuses,
        subscriptions_end_with_the_connection,
    }
    reopening: "disconnect" { what_was_stored_is_there_when_the_store_is_opened_again }
    reading: "get_vector" {
        a_cold_start_gives_none, a_vector_comes_back_as_it_was_stored, age_grows_and_nothing_else_changes,
        an_age_that_was_given_is_carried, reading_changes_nothing,
    }
    writing: "update_vector" {
        a_write_is_read_at_once, the_later_call_wins, the_same_update_twice_is_the_same_as_once, routes_do_not_mix,
        hostile_values_do_no_harm, concurrent_updates_leave_one_of_them_whole, a_dropped_update_does_no_harm,
    }
    reading: "warm_start" { a_warm_start_lists_each_own_route_once_or_none }
    subscription: "subscribe" {
        every_subscriber_gets_every_change, a_dropped_subscription_leaves_the_others,
        a_full_subscription_is_bounded_and_keeps_the_newest,
    }
    batch: "update_batch" {
        a_batch_equals_its_single_updates, the_later_entry_of_a_route_wins, an_empty_batch_does_nothing,
        a_batch_of_the_longest_length_is_taken,
    }
    leases: "keep_leases" { leases_come_back_as_they_were_kept_or_not_at_all }
    view: "view" { a_node_is_not_its_own_peer, an_unknown_route_has_no_peers, a_peer_is_seen_sorted_and_aged }
    view: "peers" { peers_are_what_the_view_shows_in_its_order }
    view: "sharing" { only_a_shared_store_shares_and_says_so_at_any_time }
    view: "published_weight" { only_what_was_published_has_a_published_weight }
    view: "health" { health_answers_at_any_time }
    attaching: "attach" { an_observer_may_come_at_any_time, an_observer_that_comes_later_replaces_the_earlier }
    attaching: "attach_merged_scars" { merged_scars_may_come_at_any_time_and_are_not_read_under_a_lock }
    stats: "stats" { stats_answer_at_any_time, the_same_stores_come_in_the_same_order, counts_never_go_back }
}

/// A check that takes longer is reported as hanging. Generous: real stores start cold.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs every check, each against a fresh subject of `factory`, which it connects first.
///
/// A check that panics or hangs is reported as broken like any other. Runs on a tokio runtime with
/// time enabled.
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
        subject.connect().await?;
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
