// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The wire from outside: what is written comes back, and nothing else gets through.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used)] // helpers of tests speak as tests do

#[path = "wire/generate.rs"]
mod generate;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/laws.rs"]
mod laws;
#[path = "wire/order.rs"]
mod order;
