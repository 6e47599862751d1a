// SPDX-License-Identifier: Apache-2.0
//! A small number for each thread, given back when the thread ends.
//!
//! Invariant: at any moment a number belongs to one living thread at most. That makes it the only
//! writer of the stripe with that number. The hand-over goes through a lock, so the next owner sees
//! all that the last one wrote.

use std::cell::Cell;
use std::sync::Mutex;

use atrion_state::lock;

/// The slot of a thread that is just being torn down: no stripe has this number, so it counts on
/// the shared one.
pub(crate) const NONE: usize = usize::MAX;

/// The calling thread's slot.
#[inline]
pub(crate) fn current() -> usize {
    // A plain cell without a destructor: reading it is one load.
    match OWN.get() {
        UNCLAIMED => claim(),
        slot => slot,
    }
}

#[cold]
fn claim() -> usize {
    // The guard gives the slot back when the thread ends. After that the thread has none.
    let slot = GUARD.try_with(|guard| guard.0).unwrap_or(NONE);
    OWN.set(slot);
    slot
}

/// The stripes of a busy route: enough for the worker threads of usual runtimes; further threads
/// share one.
pub(crate) fn stripes() -> usize {
    let cores = std::thread::available_parallelism().map_or(4, usize::from);
    (2 * cores).clamp(8, 64)
}

thread_local! {
    static OWN: Cell<usize> = const { Cell::new(UNCLAIMED) };
    static GUARD: Slot = Slot::claim();
}

const UNCLAIMED: usize = usize::MAX - 1;

static FREE: Mutex<Free> = Mutex::new(Free { returned: Vec::new(), next: 0 });

struct Free {
    returned: Vec<usize>,
    next: usize,
}

struct Slot(usize);

impl Slot {
    fn claim() -> Self {
        let mut free = lock(&FREE);
        // The lowest first, so that the slots in use stay dense and under the number of stripes.
        let lowest = free.returned.iter().enumerate().min_by_key(|(_, slot)| **slot).map(|(at, _)| at);
        let slot = match lowest {
            Some(at) => free.returned.swap_remove(at),
            None => {
                let slot = free.next;
                free.next += 1;
                slot
            }
        };
        Self(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // What still runs on this thread must not write where the next owner does.
        OWN.set(NONE);
        lock(&FREE).returned.push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn living_threads_have_different_slots_and_dead_ones_give_theirs_back() {
        let threads = 16;
        let all_up = Arc::new(Barrier::new(threads));
        let round = || {
            let handles: Vec<_> = (0..threads)
                .map(|_| {
                    let all_up = Arc::clone(&all_up);
                    std::thread::spawn(move || {
                        let slot = current();
                        all_up.wait();
                        assert_eq!(current(), slot);
                        slot
                    })
                })
                .collect();
            let mut slots: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
            slots.sort_unstable();
            slots.dedup();
            slots.len()
        };
        assert_eq!(round(), threads);
        for _ in 0..50 {
            assert_eq!(round(), threads);
        }
        // Other tests of this process have threads too, but 51 rounds of 16 would need 816 without
        // giving back.
        assert!(lock(&FREE).next < 400, "{}", lock(&FREE).next);
    }
}
