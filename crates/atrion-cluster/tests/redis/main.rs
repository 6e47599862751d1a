// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The adapter against real Redis servers: what the port promises, and what befalls servers.
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::float_cmp)] // helpers of tests speak as tests do

use std::process::ExitCode;

use atrion_testkit::servers::{self, Server, tests};

mod contract;
mod support;

fn main() -> ExitCode {
    servers::run(&[Server::Redis], tests![contract::the_contract_is_kept])
}
