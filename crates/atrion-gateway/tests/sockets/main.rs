// SPDX-License-Identifier: Apache-2.0
//! A gateway between real sockets: clients and services that say exactly what a test wants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers speak as tests do

mod binary;
mod support;

mod issuer;

mod admission;
mod callers;
mod failures;
mod frames;
mod hostile;
mod lifecycle;
mod listeners;
mod process;
mod protocols;
mod push;
mod soak;
mod transparency;
mod work;
