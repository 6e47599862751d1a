// SPDX-License-Identifier: Apache-2.0
//! Which tenants may be among a route's heaviest: a sketch has their counts and not their keys.
//!
//! A tenant has two of [`ROOM`] places and takes the one of the lighter tenant, if it is heavier:
//! of the heaviest eight one finds both taken by heavier ones about once in 250.

use atrion_core::Tenant;

use super::super::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

const ROOM: usize = 128;
/// No tenant: the one that has this key is never told.
const NOBODY: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Candidates {
    keys: Box<[AtomicU64]>,
    /// What has had less, in units, is none of the heaviest: most requests stop here.
    floor: AtomicU32,
}

impl Candidates {
    pub(super) fn new() -> Self {
        let keys = (0..ROOM).map(|_| AtomicU64::new(NOBODY)).collect();
        Self { keys, floor: AtomicU32::new(0.0_f32.to_bits()) }
    }

    /// The tenant has had so much; `hash` is of its key.
    pub(super) fn offer(&self, tenant: Tenant, hash: u64, has: f64, had: impl Fn(Tenant) -> f64) {
        if has < f64::from(f32::from_bits(self.floor.load(Relaxed))) {
            return;
        }
        // Bits that choose no place of the sketch.
        let places = [11, 31].map(|from| &self.keys[(hash >> from) as usize % ROOM]);
        let known = places.map(|place| place.load(Relaxed));
        if known.contains(&tenant.key()) {
            return;
        }
        let units = known.map(|key| if key == NOBODY { 0.0 } else { had(Tenant::new(key)) });
        let lighter = usize::from(units[1] < units[0]);
        if has > units[lighter] {
            // Relaxed: of two that store at once one is forgotten until its next request.
            places[lighter].store(tenant.key(), Relaxed);
        }
    }

    /// Every candidate with what it has had. One that has had next to nothing is forgotten.
    pub(super) fn all(&self, had: impl Fn(Tenant) -> f64) -> impl Iterator<Item = (Tenant, f64)> {
        let known = self.keys.iter().filter_map(|place| {
            let key = place.load(Relaxed);
            (key != NOBODY).then(|| (place, Tenant::new(key)))
        });
        known.filter_map(move |(place, tenant)| {
            let units = had(tenant);
            if units < 1.0 {
                place.store(NOBODY, Relaxed);
            }
            (units >= 1.0).then_some((tenant, units))
        })
    }

    /// The least of the heaviest has had so much, in units. Others may have more by the next tick.
    pub(super) fn set_least(&self, units: f64) {
        self.floor.store((0.5 * units as f32).to_bits(), Relaxed);
    }
}
