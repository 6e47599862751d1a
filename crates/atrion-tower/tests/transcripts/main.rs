// SPDX-License-Identifier: Apache-2.0
//! What goes in and what comes out, request by request, against a service that the test plays itself.
//!
//! Time stands still but where a test moves it, and counters are read after a pulse that the test asks for.
#![allow(clippy::unwrap_used)] // helpers of tests may panic as tests do: that is how they speak

mod support;

mod call;
mod grpc;
mod hold;
mod names;
mod outcome;
mod priority;
mod readiness;
mod refusal;
