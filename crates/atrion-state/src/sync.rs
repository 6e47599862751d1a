// SPDX-License-Identifier: Apache-2.0
//! A lock that outlives a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also when a holder panicked: every critical section here leaves its data usable at each step, and a node
/// that stops admitting because an observer panicked would be worse than whatever the panic left undone.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
