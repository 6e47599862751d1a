// SPDX-License-Identifier: Apache-2.0
//! How important a request is, and who says so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use atrion_core::{Priority, Spread, Tier, Volts, fnv1a};
use atrion_engine::Atrion;
use http::{HeaderValue, Request};

use crate::head::RequestHead;
use crate::header;
use crate::trust::{Complaints, TrustedHeaders};

/// A cohort as a request extension: requests of one cohort stand or fall together for five seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cohort(u64);

impl Cohort {
    /// The cohort of that id of a user, session or tenant. The same in every process and version (FNV-1a).
    #[must_use]
    pub fn of(id: impl AsRef<[u8]>) -> Self {
        Self(fnv1a(id.as_ref()))
    }

    /// The cohort of a key that is a good hash already.
    #[must_use]
    pub const fn from_hash(key: u64) -> Self {
        Self(key)
    }

    /// The key for [`Priority::cohort`].
    #[must_use]
    pub const fn key(self) -> u64 {
        self.0
    }
}

/// What a client tells its callee about a request's priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Propagate {
    /// Nothing.
    #[default]
    Nothing,
    /// The tier. The callee places the request inside the tier's band itself.
    Tier,
    /// Tier and voltage: the request keeps its exact place at every hop, so that one that was let in at the first has
    /// the same chance at the last.
    Voltage,
}

type Rule = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Priority> + Send + Sync;

/// Who says how important a request is, the nearest to home first: an extension, the service's own rule, headers if
/// they are trusted, and the default.
#[derive(Clone, Default)]
pub(crate) struct Priorities {
    pub(crate) default: Priority,
    pub(crate) rule: Option<Arc<Rule>>,
    pub(crate) trusted: Option<TrustedHeaders>,
    pub(crate) strip: bool,
    pub(crate) propagate: Propagate,
    pub(crate) complaints: Arc<Complaints>,
    /// Stands in for a missing cohort where the voltage is decided here.
    counter: Arc<AtomicU64>,
}

impl Priorities {
    /// The priority of `request`. It is left in the request's extensions if it is not the default, and headers are
    /// stripped or set as configured.
    pub(crate) fn take<B>(&self, request: &mut Request<B>, atrion: &Atrion) -> Priority {
        let head = RequestHead::of(request);
        let own = in_extensions(&head).or_else(|| self.rule.as_ref().and_then(|rule| rule(&head)));
        let (asked, cohort) = match &self.trusted {
            Some(trusted) if own.is_none() || head.extensions.get::<Cohort>().is_none() => {
                trusted.read(head.headers, &mut |name| self.complaints.complain(name, atrion))
            }
            _ => (None, None),
        };
        let cohort = head.extensions.get::<Cohort>().copied().or(cohort);
        let stated = own.or(asked);
        let mut priority = stated.unwrap_or(self.default);
        if let Some(cohort) = cohort.filter(|_| !has_a_place(priority)) {
            priority = priority.cohort(cohort.key());
        }
        if self.strip {
            request.headers_mut().remove(header::TIER);
            request.headers_mut().remove(header::VOLTAGE);
        }
        if self.propagate != Propagate::Nothing {
            priority = self.propagate(priority, request, atrion);
        }
        if stated.is_some() || cohort.is_some() {
            // For the handler, and for the calls that it makes in turn.
            request.extensions_mut().insert(priority);
        }
        priority
    }

    fn propagate<B>(&self, priority: Priority, request: &mut Request<B>, atrion: &Atrion) -> Priority {
        let headers = request.headers_mut();
        let tier = priority.counted_as();
        headers.insert(header::TIER, HeaderValue::from_static(tier.as_str()));
        if self.propagate == Propagate::Tier {
            // What was there is of another priority.
            headers.remove(header::VOLTAGE);
            return priority;
        }
        let counter = self.counter.fetch_add(1, Relaxed);
        let volts = priority.resolve(Spread::Band, Priority::epoch(atrion.now()), counter);
        headers.insert(header::VOLTAGE, number(volts));
        // The gate here and the gate there judge the same voltage.
        Priority::volts(volts)
    }
}

impl fmt::Debug for Priorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Priorities")
            .field("default", &self.default)
            .field("rule", &self.rule.is_some())
            .field("trusted", &self.trusted)
            .field("strip", &self.strip)
            .field("propagate", &self.propagate)
            .finish_non_exhaustive()
    }
}

/// Whether a priority knows its place in the band: it has a cohort or is a voltage.
fn has_a_place(priority: Priority) -> bool {
    let at = |counter| priority.resolve(Spread::Band, 0, counter);
    at(0) == at(1)
}

fn in_extensions(head: &RequestHead<'_>) -> Option<Priority> {
    let tier = || head.extensions.get::<Tier>().map(|tier| Priority::tier(*tier));
    head.extensions.get::<Priority>().copied().or_else(tier)
}

/// Volts as a header. Four decimals are a hundredth of a percent of the narrowest band.
fn number(volts: Volts) -> HeaderValue {
    // Rounding down keeps the voltage inside its band.
    let text = format!("{:.4}", (volts.get() * 1e4).floor() / 1e4);
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cohort_is_the_same_everywhere() {
        // The published values of FNV-1a, 64 bits.
        assert_eq!(Cohort::of("").key(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Cohort::of("a").key(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Cohort::of("foobar").key(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn only_a_bare_tier_has_no_place_of_its_own() {
        let tier = Priority::tier(Tier::High);
        assert!(!has_a_place(tier));
        assert!(has_a_place(tier.cohort(7)) && has_a_place(Priority::volts(Volts::saturating(70.0))));
    }

    #[test]
    fn a_voltage_on_the_wire_stays_in_its_band() {
        for tier in Tier::ALL {
            let volts = Volts::saturating(tier.band().1.next_down());
            let sent: f64 = number(volts).to_str().unwrap().parse().unwrap();
            assert_eq!(Tier::of(Volts::saturating(sent)), tier, "{sent}");
        }
    }
}
