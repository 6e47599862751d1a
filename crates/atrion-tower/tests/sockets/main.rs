// SPDX-License-Identifier: Apache-2.0
//! Real servers, real sockets, and clients that hold what they are given.
//!
//! The service serves every client without a guard: 5 ms of work, a hundred requests a second, and
//! nothing that the dawdling clients could use up. So hardly a request may be refused.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

mod nuisance;
mod serve;

mod bursts;
mod dawdling;
mod refused;
mod streams;
mod tenants;
