// SPDX-License-Identifier: Apache-2.0
//! R as a request meets it at this moment, term by term: for people, and for what a refusal says of
//! itself.

use atrion_core::{Gate, Mode, Ohms, Terms};

use super::Live;
use super::sync::Ordering::Relaxed;

impl Live {
    /// The terms of R on this gate with so many requests in flight and owed.
    pub(crate) fn terms_met(&self, gate: Gate, mode: Mode, occupied: f64) -> Terms {
        let published = self.terms();
        if mode == Mode::CircuitBreaker {
            let broken = Gate::from_words([self.broken.load(Relaxed), 0]);
            return of_open(published, f64::from(broken.rest()));
        }
        let crowd = gate.saturation(occupied).get();
        Terms { saturation: Ohms::saturating(published.saturation.get() + crowd), ..published }
    }
}

/// What an open breaker resists: its own resistance, from the moment at which it opened, and neither
/// a crowd nor a signal on top. It admits nothing but its probes, so nothing can be more than refused. The literal
/// law opens by telemetry and has no such resistance.
fn of_open(terms: Terms, break_at: f64) -> Terms {
    if break_at <= terms.base.get() {
        return terms;
    }
    let mut terms = Terms { saturation: Ohms::ZERO, signal: Ohms::ZERO, ..terms };
    let over = terms.at_rest() - break_at;
    // The scar is what holds it; a pulse has not told of it yet, or of hung calls beside it.
    let stale = over.clamp(0.0, terms.staleness.get());
    terms.staleness = Ohms::saturating(terms.staleness.get() - stale);
    terms.scar = Ohms::saturating(terms.scar.get() - (over - stale));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_resists_as_much_as_it_breaks_at_whatever_its_terms_are_made_of() {
        let ohms = Ohms::saturating;
        let base = Terms { base: ohms(10.0), ..Terms::default() };
        for terms in [
            base,
            Terms { saturation: ohms(88.0), ..base },
            Terms { signal: ohms(88.0), ..base },
            Terms { scar: ohms(90.0), saturation: ohms(88.0), ..base },
            Terms { scar: ohms(90.0), staleness: ohms(90.0), ..base },
            Terms { scar: ohms(20.0), staleness: ohms(90.0), ..base },
        ] {
            let met = of_open(terms, 100.0);
            assert!((met.resistance().get() - 100.0).abs() < 1e-9, "{terms:?}: {met:?}");
            assert_eq!(of_open(terms, 10.0), terms, "the literal law");
        }
    }
}
