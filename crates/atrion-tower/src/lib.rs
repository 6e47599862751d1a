// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod head;
pub use head::{RequestHead, ResponseHead};

mod names;
pub use names::RouteNames;

mod cohort;
pub use cohort::Cohort;

mod trust;
pub use trust::TrustedHeaders;

mod priority;
pub use priority::Propagate;

mod classify;
pub use classify::{CallError, Classify, DefaultClassifier, Verdict};

mod grpc;
mod grpc_web;

mod orca;
mod work;

mod panics;
mod ready;
mod trace;

mod refusal;
pub use refusal::{Detail, PROBLEM_TYPE};

pub mod header;

mod admission;

// What the layers' settings are in.
pub use atrion_engine::Hold;

pub mod http;
pub use self::http::{
    AdmissionBody, AdmissionLayer, AdmissionService, RequestBody, StreamSlot, Unwatched, Watched,
};

pub mod call;
pub use call::{CallLayer, CallRules, CallService, GuardedError, Refused};

#[cfg(feature = "api")]
#[cfg_attr(docsrs, doc(cfg(feature = "api")))]
pub mod api;
