// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The protocol machine against a store that is a map, in virtual time.
#![cfg(feature = "redis")]
#![allow(missing_docs, unreachable_pub)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

mod agreement;
mod lives;
mod own;
mod taint;
mod world;
