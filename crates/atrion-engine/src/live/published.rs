// SPDX-License-Identifier: Apache-2.0
//! The terms of R as of the last tick, for the explanation of a refusal.

use atrion_core::{Ohms, SignalId, Terms};

use super::sync::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// Seven terms and the number of a signal under a version: a reader that was overtaken by the writer reads again,
/// a bounded number of times.
#[derive(Debug, Default)]
pub(super) struct PublishedTerms {
    version: AtomicU32,
    values: [AtomicU32; 7],
    /// The strongest signal; 0 is none.
    signal: AtomicU32,
}

impl PublishedTerms {
    /// One writer at a time: the pulse, under the route's lock.
    pub(super) fn publish(&self, terms: &Terms, signal: Option<SignalId>) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        // The odd version must be seen before any of the new values.
        fence(Release);
        let values = [
            terms.base.get(),
            terms.saturation.get(),
            terms.momentum.get(),
            terms.scar.get(),
            terms.staleness.get(),
            terms.cluster,
            terms.signal.get(),
        ];
        for (cell, value) in self.values.iter().zip(values) {
            cell.store((value as f32).to_bits(), Relaxed);
        }
        self.signal.store(signal.map_or(0, |signal| signal.get().into()), Relaxed);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// The terms of one tick; if a writer keeps interfering, of two neighbouring ones.
    pub(super) fn read(&self) -> (Terms, Option<SignalId>) {
        let mut values = [0.0; 7];
        let mut strongest = 0;
        for _ in 0..4 {
            let before = self.version.load(Acquire);
            for (value, cell) in values.iter_mut().zip(&self.values) {
                *value = f64::from(f32::from_bits(cell.load(Relaxed)));
            }
            strongest = self.signal.load(Relaxed);
            // The values must have been read before the version is looked at again.
            fence(Acquire);
            if before.is_multiple_of(2) && self.version.load(Relaxed) == before {
                break;
            }
        }
        let [base, saturation, momentum, scar, staleness, cluster, signal] = values;
        let terms = Terms {
            base: Ohms::saturating(base),
            saturation: Ohms::saturating(saturation),
            momentum: Ohms::saturating(momentum),
            scar: Ohms::saturating(scar),
            staleness: Ohms::saturating(staleness),
            cluster,
            signal: Ohms::saturating(signal),
        };
        (terms, SignalId::new(strongest as u8))
    }
}
