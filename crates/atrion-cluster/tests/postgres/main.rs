// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The PostgreSQL adapter against a real PostgreSQL, well and ill.
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)] // tests may panic: that is how they speak

use std::process::ExitCode;

use atrion_testbed::{Availability, Server, tests};

#[path = "../shared/authority.rs"]
mod authority;
mod backup;
mod contract;
mod durability;
mod faults;
mod fleet;
mod full;
mod hearsay;
mod history;
mod hostile;
mod license;
mod pooler;
mod retention;
mod rights;
mod schema;
mod tls;
#[path = "../shared/traffic.rs"]
mod traffic;
mod world;

fn main() -> ExitCode {
    atrion_testbed::run(
        &[Server::Postgres],
        tests![
            contract::the_adapter_keeps_the_contract,
            contract::without_a_license_it_keeps_the_contract_in_memory,
            contract::a_new_life_knows_which_leases_the_earlier_one_has_lost,
            contract::a_new_life_finds_what_the_earlier_one_stored,
            backup::a_dump_that_is_restored_is_found_by_the_next_life,
            durability::what_was_acknowledged_survives_a_killed_server,
            durability::what_was_not_is_written_again_after_a_killed_server,
            durability::changes_of_modes_are_stored_once_each,
            faults::a_stopped_server_delays_no_call,
            faults::a_slow_network_is_slow_and_a_held_one_is_noticed,
            faults::one_row_that_is_refused_keeps_no_other_from_being_stored,
            faults::a_connection_limit_is_waited_out,
            faults::no_server_at_the_start_is_a_cold_start,
            fleet::fifty_nodes_of_a_thousand_routes,
            fleet::clocks_that_differ_by_a_day_change_nothing,
            fleet::two_processes_of_one_name_do_not_mix,
            full::a_full_disk_passes => unless atrion_testbed::no_small_disk,
            full::files_that_may_not_grow_pass,
            hearsay::what_a_gate_heard_is_beside_the_own_scar,
            hearsay::an_engine_tells_what_its_gates_heard,
            history::which_routes_opened_for_how_long_and_who_was_first,
            history::pages_go_on_where_the_one_before_ended,
            history::what_a_node_wrote_is_found,
            history::the_documented_queries_run,
            history::a_server_that_refuses_connections_says_why,
            history::a_query_that_waits_for_another_does_not_suspect_the_server,
            hostile::rows_without_an_age_or_a_life_are_left_out_and_written_over,
            license::clusters_above_the_limit_are_counted_and_nothing_else,
            license::a_role_that_may_not_count_stores_all_the_same,
            pooler::nodes_share_connections_that_change_with_each_transaction => unless no_pooler,
            pooler::what_is_prepared_on_one_connection_is_not_there_on_the_next => unless no_pooler,
            retention::weeks_pass_and_partitions_come_and_go,
            retention::a_node_waits_for_partitions_that_another_makes,
            retention::a_sample_waits_for_its_partition_and_keeps_the_connection,
            retention::rows_of_nodes_that_are_gone_are_deleted,
            retention::samples_are_taken_of_what_is_not_well,
            rights::a_role_without_the_right_to_make_tables_does_everything_else,
            rights::a_role_without_any_right_is_told_what_to_grant,
            rights::a_wrong_password_is_an_error_that_says_so,
            rights::a_password_that_is_changed_is_asked_for_again,
            schema::many_nodes_migrate_at_once,
            schema::an_older_schema_is_migrated_or_refused,
            schema::a_newer_minor_is_used_and_a_newer_major_is_refused,
            rights::what_a_server_says_of_a_name_is_one_line,
            tls::a_client_s_certificate_that_is_renewed_is_asked_for_again,
            tls::only_a_trusted_server_is_talked_to,
            tls::a_server_without_tls_is_refused_by_who_asks_for_it,
        ],
    )
}

/// Why there is no PgBouncer, if there need not be one.
fn no_pooler() -> Option<String> {
    match atrion_testbed::availability(Server::PgBouncer) {
        Availability::Ignored(why) => Some(why),
        _ => None,
    }
}
