// SPDX-License-Identifier: Apache-2.0
//! Middleware for tower services: axum, tonic, hyper, reqwest.

pub use atrion_tower::{
    AdmissionBody, AdmissionLayer, AdmissionService, CallError, CallLayer, CallRules, CallService, Classify,
    Cohort, DefaultClassifier, Detail, GuardedError, Hold, PROBLEM_TYPE, Propagate, Refused, RequestBody,
    RequestHead, ResponseHead, RouteNames, StreamSlot, TrustedHeaders, Unwatched, Verdict, Watched, call,
    header, http,
};
