// SPDX-License-Identifier: Apache-2.0
//! Routes by name. A look-up takes no lock; only a name that is seen for the first time does.
//! Why bounded like this: `docs/adr/0006-bounded-routes.md`.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use atrion_state::{RouteId, lock};

use crate::cell::RouteCell;

type Hasher = foldhash::quality::RandomState;

/// Invariant: at most `limit` routes beside the overflow route, whatever names arrive.
pub(crate) struct Registry {
    routes: papaya::HashMap<RouteId, Arc<RouteCell>, Hasher>,
    count: AtomicUsize,
    overflow: Arc<RouteCell>,
    /// Created since the pulse last looked.
    fresh: Mutex<Vec<Arc<RouteCell>>>,
    turned_away: AtomicU64,
}

impl Registry {
    pub(crate) fn new(overflow: Arc<RouteCell>) -> Self {
        let fresh = Mutex::new(vec![Arc::clone(&overflow)]);
        // A name comes from outside: the hash is seeded, so that collisions cannot be prepared.
        let routes = papaya::HashMap::with_hasher(Hasher::default());
        // Listed under its name as any other, so that a caller that names it gets it and no twin.
        // It is never removed.
        routes.pin().insert(overflow.id().clone(), Arc::clone(&overflow));
        Self { routes, count: AtomicUsize::new(0), overflow, fresh, turned_away: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<RouteCell>> {
        self.routes.pin().get(name).map(Arc::clone)
    }

    /// The route of that name; the overflow route if there is no place for another one.
    pub(crate) fn get_or_create(
        &self,
        id: &RouteId,
        limit: usize,
        make: impl FnOnce() -> RouteCell,
    ) -> Arc<RouteCell> {
        let routes = self.routes.pin();
        if let Some(known) = routes.get(id) {
            return Arc::clone(known);
        }
        if self.count.fetch_add(1, Relaxed) >= limit {
            self.count.fetch_sub(1, Relaxed);
            return self.turn_away();
        }
        let cell = Arc::new(make());
        match routes.try_insert(id.clone(), Arc::clone(&cell)) {
            Ok(_) => {
                lock(&self.fresh).push(Arc::clone(&cell));
                cell
            }
            // Another thread was faster with the same name.
            Err(occupied) => {
                self.count.fetch_sub(1, Relaxed);
                Arc::clone(occupied.current)
            }
        }
    }

    /// The route that names without a place share.
    pub(crate) fn overflow(&self) -> Arc<RouteCell> {
        Arc::clone(&self.overflow)
    }

    /// The same, for a name that has found no place: it is counted.
    pub(crate) fn turn_away(&self) -> Arc<RouteCell> {
        self.turned_away.fetch_add(1, Relaxed);
        Arc::clone(&self.overflow)
    }

    /// How many requests for a route have been turned away to the overflow route since this was
    /// last asked.
    pub(crate) fn take_turned_away(&self) -> u64 {
        self.turned_away.swap(0, Relaxed)
    }

    pub(crate) fn take_fresh(&self) -> Vec<Arc<RouteCell>> {
        std::mem::take(&mut *lock(&self.fresh))
    }

    /// This very cell is the one that its name leads to. One that was evicted may live on beside a
    /// new one of its name.
    pub(crate) fn lists(&self, cell: &Arc<RouteCell>) -> bool {
        self.routes.pin().get(cell.id()).is_some_and(|listed| Arc::ptr_eq(listed, cell))
    }

    pub(crate) fn remove(&self, id: &RouteId) -> bool {
        let removed = self.routes.pin().remove(id).is_some();
        if removed {
            self.count.fetch_sub(1, Relaxed);
        }
        removed
    }

    pub(crate) fn all(&self) -> Vec<Arc<RouteCell>> {
        self.routes.pin().values().map(Arc::clone).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Relaxed)
    }
}
