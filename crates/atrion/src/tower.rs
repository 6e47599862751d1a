// SPDX-License-Identifier: Apache-2.0
//! Middleware for tower services: axum, tonic, hyper, reqwest.

pub use atrion_tower::{
    AdmissionBody, AdmissionLayer, AdmissionService, CallError, CallLayer, CallRules, CallService, Classify,
    Cohort, DefaultClassifier, Detail, Hold, PROBLEM_TYPE, Propagate, Refused, RequestHead, ResponseHead,
    RouteNames, TrustedHeaders, Verdict, call, header, http,
};
