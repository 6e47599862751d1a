// SPDX-License-Identifier: Apache-2.0
//! The engine as its callers see it. Everything here runs on a fake clock or on paused time;
//! nothing sleeps.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)] // helpers speak as tests do

mod world;

mod absence;
mod acquire;
mod breaker;
mod clocks;
mod costs;
mod deadlines;
mod groups;
mod leases;
mod limbo;
mod one_callee;
mod outage;
mod overtaken;
mod permits;
mod refusals;
mod signals;
mod tenants;
mod threads;
mod twin;
mod waiting;

mod behind;
mod bounds;
mod configuration;
mod overrides;
mod shadow;
mod streams;
mod telemetry;

mod fleet;
mod log;
mod observers;
mod provider;
#[cfg(feature = "recording")]
mod recording;
mod reporting;
mod restart;
mod stalled;
#[cfg(feature = "serde")]
mod written;
