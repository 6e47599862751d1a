// SPDX-License-Identifier: Apache-2.0

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use atrion_core::{Beta, choose};

use crate::route::Route;

/// The route that softmax over resistances picks.
pub(crate) fn select<'r>(routes: impl IntoIterator<Item = &'r Route>, beta: f64) -> Option<&'r Route> {
    // A beta that is no number chooses evenly, which is always safe.
    let beta = Beta::new(beta).or_else(|_| Beta::new(0.0)).ok()?;
    let routes: Vec<_> = routes.into_iter().collect();
    let chosen = choose(routes.iter().map(|route| (route.resistance(), route.mode())), beta, draw())?;
    routes.get(chosen).copied()
}

/// A number in [0, 1). Nothing of worth hangs on it: it spreads load.
fn draw() -> f64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8) | 1);
    }
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        (x >> 11) as f64 / (1u64 << 53) as f64
    })
}
