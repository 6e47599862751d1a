// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The adapter against real servers: what the port promises, and what befalls servers. This target
//! runs against Redis, and `valkey` runs the same tests against Valkey.
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::float_cmp)] // helpers of tests speak as tests do

use std::process::ExitCode;

use atrion_testbed::{Redis, Server, tests};

#[path = "../shared/authority.rs"]
mod authority;
mod chaos;
mod contract;
mod fleet;
mod hostile;
mod license;
mod limits;
mod refusals;
mod security;
mod stuck;
mod support;
mod tenants;
mod topology;
#[path = "../shared/traffic.rs"]
mod traffic;

pub fn main() -> ExitCode {
    atrion_testbed::run(
        &[Redis::server()],
        tests![
            chaos::a_fleet_survives_what_befalls_its_store,
            chaos::a_gate_hears_the_fleet_as_long_as_there_is_one,
            chaos::a_node_that_starts_without_its_store_remembers_when_it_comes,
            contract::the_contract_is_kept,
            contract::the_contract_is_kept_by_a_user_with_the_least_rights,
            hostile::what_others_write_does_no_harm,
            hostile::a_record_of_a_newer_version_is_left_alone,
            hostile::a_crowd_of_strangers_is_told_of_and_slows_nothing_down,
            hostile::a_fleet_with_a_key_takes_only_what_is_signed,
            license::without_a_license_the_store_is_never_touched,
            license::clusters_above_the_limit_are_counted_and_nothing_else,
            limits::a_server_that_never_ends_an_answer_is_not_held_in_memory,
            limits::records_and_sets_that_are_too_large_are_left_alone,
            refusals::a_full_server_stores_nothing_and_carries_the_channel,
            refusals::a_demoted_server_is_called_a_replica,
            refusals::a_password_that_is_changed_is_asked_for_again,
            refusals::a_server_that_cannot_save_stores_nothing_and_carries_the_channel,
            security::a_client_s_certificate_that_is_renewed_is_asked_for_again => unless no_tls,
            security::a_fleet_speaks_over_tls_and_to_no_other_server => unless no_tls,
            stuck::no_request_calls_a_provider_or_waits_for_one_that_does,
            tenants::nodes_know_each_other_s_heaviest_tenants_by_one_name,
            topology::a_cluster_of_three_masters_carries_a_fleet,
            topology::a_fleet_follows_its_slot_to_another_node,
            topology::a_fleet_follows_its_master_after_a_failover,
        ],
    )
}

/// Why no server here speaks TLS, if none does.
fn no_tls() -> Option<String> {
    (Redis::server() == Server::Valkey).then(|| "the Valkey that is fetched was built without TLS".to_owned())
}
