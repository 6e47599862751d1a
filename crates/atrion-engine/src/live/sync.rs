// SPDX-License-Identifier: Apache-2.0
//! The atomics of the standard library, or loom's when the model checker runs.

#[cfg(not(atrion_loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(atrion_loom)]
pub(super) use loom::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering, fence,
};
