// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Locks that a panic elsewhere does not spoil.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is valid after every step, so that a panic under the lock leaves nothing half done. Never held across an
/// await.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
