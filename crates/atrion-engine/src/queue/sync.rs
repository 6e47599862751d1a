// SPDX-License-Identifier: Apache-2.0
//! The primitives of the standard library, or loom's when the model checker runs.

#[cfg(not(atrion_loom))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(atrion_loom))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(atrion_loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(atrion_loom)]
pub(super) use loom::sync::{Mutex, MutexGuard};

use std::sync::PoisonError;
use std::sync::TryLockError;

/// A line is whole between two changes, so a panic of one that held it spoils nothing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None`: another has it.
pub(super) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
