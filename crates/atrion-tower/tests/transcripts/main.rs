// SPDX-License-Identifier: Apache-2.0
//! Transcripts: each request and its answer, against an inner service that the test plays.
//!
//! Time stands still unless a test moves it, and counters are read after a pulse that the test asks
//! for.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

mod streams;
mod support;

mod call;
mod deadlines;
mod groups;
mod grpc;
mod hold;
mod names;
mod orca;
mod outcome;
mod priority;
mod readiness;
mod refusal;
mod rest;
mod waiting;
