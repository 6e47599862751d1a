// SPDX-License-Identifier: Apache-2.0
//! The benchmarks of Atrion beside its peers.
//!
//! [`Contender`] is one guard under test, [`race`] runs it on one or more threads at once, and
//! [`peers`] holds the guards of other crates, each used the way its own documentation shows.
//! Nothing here knows how figures are summarised: criterion does, and `cargo xtask bench` writes
//! `docs/benchmarks.md` from what criterion left behind.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot be set up has nothing to measure, and says so at once"
)]

mod contender;
pub use contender::{Contender, Session};

mod race;
pub use race::race;

pub mod peers;
