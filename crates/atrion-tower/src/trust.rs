// SPDX-License-Identifier: Apache-2.0
//! Priority from headers, for services whose callers may be believed.
//!
//! A caller that names a voltage can inflate it. So nothing here happens unless the service's owner
//! asks for it, and even then a ceiling holds (`docs/adr/0010-headers-are-not-believed.md`).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use std::time::Duration;

use atrion_core::{Cost, Priority, Tenant, Tier, Volts};
use atrion_engine::Atrion;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cohort::Cohort;
use crate::grpc;
use crate::header;
use crate::work;

/// What the layer believes of a request's headers.
///
/// Use it only where a gateway sets or strips these headers, or between services of one owner.
///
/// - `x-atrion-voltage`: a decimal number of volts, clamped to the range from 14 V (the bottom of
///   the ladder) to the ceiling.
/// - `x-atrion-tier`: the name of a tier in any letter case, lowered to the ceiling. The voltage
///   wins if both are there.
/// - a header of your choice with the id of a user or session, as the request's cohort.
/// - another one with the id of a tenant, for [fair shares](atrion_core::Priority::tenant).
/// - with [`deadlines`](Self::deadlines) and [`costs`](Self::costs), by when the answer is of use and
///   what the request costs.
///
/// A header that cannot be read, or is there more than once, counts as absent. It is counted
/// ([`AdmissionLayer::malformed_headers`](crate::AdmissionLayer::malformed_headers)) and logged
/// once a second at most.
#[derive(Debug, Clone)]
#[must_use]
pub struct TrustedHeaders {
    ceiling: Tier,
    cohort: Option<HeaderName>,
    tenant: Option<HeaderName>,
    deadlines: bool,
    costs: Option<Cost>,
}

impl TrustedHeaders {
    /// Trusts `x-atrion-tier` and `x-atrion-voltage`, for every tier.
    pub const fn new() -> Self {
        Self { ceiling: Tier::Critical, cohort: None, tenant: None, deadlines: false, costs: None }
    }

    /// Sets the highest tier that a header can ask for. Voltages stay inside its band. `Critical`
    /// by default.
    pub const fn ceiling(mut self, ceiling: Tier) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// Takes the value of a header as the cohort: all requests with the same value get the same
    /// answer for five seconds. The value is hashed, in the same way in every process.
    pub fn cohort(mut self, header: HeaderName) -> Self {
        self.cohort = Some(header);
        self
    }

    /// Takes the value of a header as the request's tenant. A caller that may choose the value has as
    /// many shares as it invents names: the header must be set or checked by somebody who knows.
    pub fn tenant(mut self, header: HeaderName) -> Self {
        self.tenant = Some(header);
        self
    }

    /// Believes how long the caller waits: `grpc-timeout` of gRPC calls, and `x-atrion-deadline-ms`, a
    /// whole number of milliseconds; the shorter one where both are there. A caller that names too
    /// short a time is refused for it, and harms nobody else.
    pub const fn deadlines(mut self) -> Self {
        self.deadlines = true;
        self
    }

    /// Believes what a request costs: `x-atrion-cost`, a decimal number of units above 0, up to
    /// `most`. A caller that names too little gets more than its share.
    pub const fn costs(mut self, most: Cost) -> Self {
        self.costs = Some(most);
        self
    }

    /// What the headers say the request costs, and how long its caller waits.
    pub(crate) fn work(
        &self,
        headers: &HeaderMap,
        complain: &mut dyn FnMut(&HeaderName),
    ) -> (Option<Cost>, Option<Duration>) {
        let cost =
            self.costs.and_then(|most| read(headers, &header::COST, complain, |text| work::cost(text, most)));
        if !self.deadlines {
            return (cost, None);
        }
        let own = read(headers, &header::DEADLINE, complain, work::deadline_ms);
        let of_call = if grpc::is_grpc(headers) {
            read(headers, &header::GRPC_TIMEOUT, complain, work::grpc_timeout)
        } else {
            None
        };
        (cost, own.into_iter().chain(of_call).min())
    }

    /// Whose request it is, by the headers.
    pub(crate) fn tenant_of(
        &self,
        headers: &HeaderMap,
        complain: &mut dyn FnMut(&HeaderName),
    ) -> Option<Tenant> {
        only(headers, self.tenant.as_ref()?, complain).map(|id| atrion_engine::tenant_of(id.as_bytes()))
    }

    /// The priority that the headers ask for, and the cohort.
    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
        complain: &mut dyn FnMut(&HeaderName),
    ) -> (Option<Priority>, Option<Cohort>) {
        let volts = read(headers, &header::VOLTAGE, complain, |text| self.volts(text));
        let tier = read(headers, &header::TIER, complain, Tier::parse);
        let asked =
            volts.map(Priority::volts).or_else(|| tier.map(|tier| Priority::tier(tier.min(self.ceiling))));
        let cohort = self.cohort.as_ref().and_then(|name| only(headers, name, complain));
        (asked, cohort.map(|id| Cohort::of(id.as_bytes())))
    }

    fn volts(&self, text: &str) -> Option<Volts> {
        let volts = text.parse::<f64>().ok().filter(|volts| volts.is_finite())?;
        // The band is half open: its upper end belongs to the next tier, or to none.
        let (lowest, highest) = (Tier::Bulk.band().0, self.ceiling.band().1.next_down());
        Some(Volts::saturating(volts.clamp(lowest, highest)))
    }
}

impl Default for TrustedHeaders {
    fn default() -> Self {
        Self::new()
    }
}

/// The value of a header that can be read. Complains of one that cannot.
fn read<T>(
    headers: &HeaderMap,
    name: &HeaderName,
    complain: &mut dyn FnMut(&HeaderName),
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = only(headers, name, complain)?;
    let read = value.to_str().ok().and_then(|text| parse(text.trim()));
    if read.is_none() {
        complain(name);
    }
    read
}

/// The only value of a header. Complains of several: of two values one may be the gateway's and one
/// the client's, so neither can be trusted.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    complain: &mut dyn FnMut(&HeaderName),
) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        complain(name);
        return None;
    }
    Some(first)
}

/// Counts headers that could not be read, and logs them once a second at most.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    count: AtomicU64,
    /// The second after the clock's origin in which the latest line was logged, plus one.
    logged: AtomicU64,
}

impl Complaints {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    #[cold]
    pub(crate) fn complain(&self, name: &HeaderName, atrion: &Atrion) {
        let count = self.count.fetch_add(1, Relaxed) + 1;
        let second = atrion.now().as_nanos() / 1_000_000_000 + 1;
        // Relaxed: it is a number for people. Of two threads in the same second only one sees an
        // earlier second here.
        if self.logged.swap(second, Relaxed) != second {
            // The client has written the value, so it is not logged.
            tracing::warn!(name: "atrion.header.unreadable", target: "atrion", header = %name, count, "unreadable priority header, the default holds instead");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(trusted: &TrustedHeaders, pairs: &[(HeaderName, &str)]) -> (Option<Priority>, usize) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mut complaints = 0;
        let (asked, _) = trusted.read(&headers, &mut |_| complaints += 1);
        (asked, complaints)
    }

    fn volts(volts: f64) -> Option<Priority> {
        Some(Priority::volts(Volts::saturating(volts)))
    }

    #[test]
    fn volts_are_clamped_into_the_ladder_and_never_reach_its_top() {
        let all = TrustedHeaders::new();
        let of = |text| read_one(&all, &[(header::VOLTAGE, text)]);
        assert_eq!(of("71.5"), (volts(71.5), 0));
        assert_eq!(of(" 71.5 "), (volts(71.5), 0));
        assert_eq!(of("-3"), (volts(14.0), 0));
        assert_eq!(of("1e300"), (volts(100f64.next_down()), 0));
        let users = TrustedHeaders::new().ceiling(Tier::Normal);
        let (asked, _) = read_one(&users, &[(header::VOLTAGE, "99")]);
        assert_eq!(asked.unwrap().counted_as(), Tier::Normal);
    }

    #[test]
    fn a_tier_is_lowered_to_the_ceiling_and_the_voltage_wins_over_it() {
        let trusted = TrustedHeaders::new().ceiling(Tier::High);
        assert_eq!(read_one(&trusted, &[(header::TIER, "Critical")]), (Some(Priority::tier(Tier::High)), 0));
        assert_eq!(read_one(&trusted, &[(header::TIER, "bulk")]), (Some(Priority::tier(Tier::Bulk)), 0));
        assert_eq!(read_one(&trusted, &[(header::TIER, "bulk"), (header::VOLTAGE, "50")]), (volts(50.0), 0));
    }

    #[test]
    fn what_cannot_be_read_counts_as_absent_and_is_complained_about() {
        let trusted = TrustedHeaders::new();
        for bad in ["NaN", "inf", "-inf", "", "volts", "1,5", "\u{fc}"] {
            assert_eq!(read_one(&trusted, &[(header::VOLTAGE, bad)]), (None, 1), "{bad:?}");
            assert_eq!(read_one(&trusted, &[(header::TIER, bad)]), (None, 1), "{bad:?}");
        }
        assert_eq!(read_one(&trusted, &[(header::TIER, "high"), (header::TIER, "high")]), (None, 1));
        let mixed = [(header::VOLTAGE, "x"), (header::TIER, "low")];
        assert_eq!(read_one(&trusted, &mixed), (Some(Priority::tier(Tier::Low)), 1));
    }
}
