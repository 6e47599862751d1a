// SPDX-License-Identifier: Apache-2.0
//! Admission for services of any request and response: message handlers, database pools, `reqwest`
//! clients.
//!
//! No response type can say "refused" for all of them, so a refusal is an error here:
//! [`GuardedError::Refused`], beside the callee's own error, whose type it keeps.

mod rules;
pub use rules::CallRules;

mod layer;
pub use layer::CallLayer;

mod service;
pub use service::CallService;

mod future;
pub use future::CallFuture;

mod error;
pub use error::{GuardedError, Refused};
