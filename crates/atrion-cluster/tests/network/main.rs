// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The protocol machine in a network that loses, doubles, reorders and delays, among clocks that disagree, cuts,
//! restarts and stores that forget: in virtual time, for many seeds.
//!
//! A seed that fails is shrunk to the fewest faults that still make it fail, and both are printed:
//!
//! ```text
//! ATRION_NETWORK_SEEDS=5000          so many seeds instead of the usual number
//! ATRION_NETWORK_PLAN="7: loss ..."  this plan alone, as it was printed
//! ```
#![cfg(feature = "redis")]
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests speak as tests do

mod bounds;
mod convergence;
mod plan;
mod shrink;
mod world;
