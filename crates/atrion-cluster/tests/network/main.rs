// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The protocol machine in one world of nodes, a store and wires, in virtual time.
//!
//! Most tests say themselves what happens, in a calm world. `convergence` draws plans from many
//! seeds: messages are lost, doubled, reordered and delayed, clocks disagree, nodes are cut off and
//! restart, stores forget. A seed that fails is shrunk to the fewest faults that still make it
//! fail, and both are printed:
//!
//! ```text
//! ATRION_NETWORK_SEEDS=5000          this number of seeds instead of the usual one
//! ATRION_NETWORK_PLAN="7: loss ..."  this plan alone, as it was printed
//! ```
#![cfg(feature = "redis")]
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

mod agreement;
mod bounds;
mod convergence;
mod engines;
mod lives;
mod own;
mod plan;
mod replay;
mod shrink;
mod store;
mod taint;
mod world;
