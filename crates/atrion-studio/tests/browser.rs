// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Studio in a real browser, over the service of the demo in an outage. Ignored, and not green,
//! where there is no Chromium and none can be fetched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // helpers of tests speak as tests do

#[cfg(unix)]
#[path = "browser/below.rs"]
mod below;
#[cfg(unix)]
#[path = "browser/fleet.rs"]
mod fleet;
#[cfg(unix)]
#[path = "browser/suite.rs"]
mod suite;
#[cfg(unix)]
#[path = "browser/tabs.rs"]
mod tabs;
#[cfg(unix)]
#[path = "browser/world.rs"]
mod world;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use atrion_testbed::{Server, tests};

    atrion_testbed::run(
        &[Server::Chromium],
        tests![
            suite::every_view_shows_an_outage_in_both_themes_and_on_a_phone,
            suite::the_page_comes_back_when_the_server_does,
            suite::it_works_below_a_path_of_a_proxy,
            suite::a_route_is_taken_over_and_given_back,
            suite::a_lease_is_revoked_by_hand,
            suite::recorded_minutes_are_lived_through_again,
            suite::a_pause_is_a_gap_in_a_curve,
            suite::a_process_without_a_pulse_does_not_look_calm,
            suite::a_refusal_by_a_group_is_shown_at_its_endpoint,
            suite::a_long_name_is_whole_beside_the_selector,
            suite::hostile_names_and_browsers_are_text,
            suite::it_is_usable_by_keyboard,
            suite::a_thousand_routes_are_a_few_rows,
            suite::a_fleet_is_a_heat_map_with_numbers,
            suite::a_quiet_system_says_what_to_do_next,
            suite::a_page_that_is_left_open_stays_small,
            suite::without_a_session_or_a_license_the_page_says_what_to_do,
            tabs::nine_tabs_of_a_browser_share_one_stream,
            tabs::without_locks_a_hidden_tab_has_no_stream,
        ],
    )
}

#[cfg(not(unix))]
fn main() {}
