// SPDX-License-Identifier: Apache-2.0

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use atrion_core::{Beta, SplitMix64, choose};

use crate::route::Route;

/// The route that softmax over resistances picks.
pub(crate) fn select<'r>(routes: impl IntoIterator<Item = &'r Route>, beta: f64) -> Option<&'r Route> {
    // A beta that is not a number chooses evenly, which is always safe.
    let beta = Beta::new(beta).or_else(|_| Beta::new(0.0)).ok()?;
    let routes: Vec<_> = routes.into_iter().collect();
    let chosen = choose(routes.iter().map(|route| (route.resistance(), route.mode())), beta, draw())?;
    routes.get(chosen).copied()
}

/// A number in [0, 1). It spreads load and decides nothing else.
fn draw() -> f64 {
    thread_local! {
        static STREAM: RefCell<SplitMix64> =
            RefCell::new(SplitMix64::new(RandomState::new().hash_one(0u8)));
    }
    STREAM.with_borrow_mut(SplitMix64::unit)
}
