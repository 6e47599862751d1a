// SPDX-License-Identifier: Apache-2.0
//! A lock that outlives a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a holder panicked. Its users leave their data usable at each step of a
/// critical section, and a node that stops admitting because an observer panicked would be worse
/// than what the panic left undone.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
