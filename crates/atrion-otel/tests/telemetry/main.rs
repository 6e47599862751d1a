// SPDX-License-Identifier: Apache-2.0
//! What the exporter shows, through real exporters, of real instances on paused time.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)] // helpers speak as tests do

mod support;

mod bounds;
mod dashboards;
mod golden;
mod instances;
mod names;
mod spans;
mod trips;
mod values;
