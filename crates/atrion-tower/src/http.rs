// SPDX-License-Identifier: Apache-2.0
//! Admission for services from `http::Request` to `http::Response`, on servers and on clients.

mod layer;
pub use layer::AdmissionLayer;

mod policy;

mod service;
pub use service::AdmissionService;

mod future;
pub use future::ResponseFuture;

mod request;
pub use request::{Intake, RequestBody, Unwatched, Watched};

mod slot;
pub use slot::StreamSlot;

mod rest;
pub use rest::Rest;

mod body;
pub use body::AdmissionBody;
