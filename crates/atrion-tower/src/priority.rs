// SPDX-License-Identifier: Apache-2.0
//! The priority of a request, and which of its sources counts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use atrion_core::{Cost, Mono, Priority, Spread, Tenant, Tier, Volts};
use atrion_engine::Atrion;
use http::{HeaderMap, HeaderValue, Request};

use crate::cohort::Cohort;
use crate::head::RequestHead;
use crate::header;
use crate::trust::{Complaints, TrustedHeaders};
use crate::work;

/// What a client tells its callee about a request's priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Propagate {
    /// Nothing.
    #[default]
    Nothing,
    /// The tier. The callee chooses the place inside the tier's band.
    Tier,
    /// Tier and voltage: the request keeps its exact place at every hop, so that a request that the
    /// first hop admits has the same chance at the last.
    Voltage,
}

pub(crate) type CostRule = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Cost> + Send + Sync;

pub(crate) type TenantRule = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Tenant> + Send + Sync;

type Rule = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Priority> + Send + Sync;

/// The sources of a request's priority, the first one counts: an extension, the service's own rule,
/// headers if they are trusted, and the default.
#[derive(Clone, Default)]
pub(crate) struct Priorities {
    pub(crate) default: Priority,
    pub(crate) rule: Option<Arc<Rule>>,
    pub(crate) cost: Option<Arc<CostRule>>,
    pub(crate) tenant: Option<Arc<TenantRule>>,
    pub(crate) trusted: Option<TrustedHeaders>,
    pub(crate) strip: bool,
    pub(crate) propagate: Propagate,
    pub(crate) complaints: Arc<Complaints>,
    place: Place,
}

impl Priorities {
    /// Takes the priority of `request`. It stays in the request's extensions if it is not the
    /// default, and headers are stripped or set as configured.
    #[inline]
    pub(crate) fn take<B>(&self, request: &mut Request<B>, atrion: &Atrion) -> Priority {
        if request.extensions().is_empty() && self.is_the_default_alone() {
            return self.default;
        }
        self.look_for(request, atrion)
    }

    /// Nothing but a request's extensions can change its priority.
    fn is_the_default_alone(&self) -> bool {
        let Self { default, rule, cost, tenant, trusted, strip, propagate, complaints: _, place: _ } = self;
        let has_a_source = rule.is_some() || cost.is_some() || tenant.is_some() || trusted.is_some();
        let is_told = *strip || *propagate != Propagate::Nothing || is_told(*default);
        !has_a_source && !is_told
    }

    fn look_for<B>(&self, request: &mut Request<B>, atrion: &Atrion) -> Priority {
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
        priority = self.with_work(priority, &head, atrion);
        priority = self.with_tenant(priority, &head, atrion);
        self.strip(request.headers_mut());
        if self.propagate != Propagate::Nothing {
            priority = self.propagate(priority, request, atrion);
        }
        if stated.is_some() || cohort.is_some() || is_told(priority) {
            // For the handler, and for the calls that it makes.
            request.extensions_mut().insert(priority);
        }
        priority
    }

    /// Removes the headers that say a priority, where the layer keeps them from its service.
    #[inline]
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        // Most requests have none, and a look at their names costs less than four hashes.
        if self.strip && headers.keys().any(|name| name.as_str().starts_with(header::PREFIX)) {
            for name in [header::TIER, header::VOLTAGE, header::DEADLINE, header::COST] {
                headers.remove(name);
            }
        }
    }

    /// Adds what the request costs and by when its answer is of use, where its priority does not say.
    fn with_work(&self, mut priority: Priority, head: &RequestHead<'_>, atrion: &Atrion) -> Priority {
        let (told, left) = match &self.trusted {
            Some(trusted) => trusted.work(head.headers, &mut |name| self.complaints.complain(name, atrion)),
            None => (None, None),
        };
        if priority.units() == Cost::ONE {
            let ruled = || self.cost.as_ref().and_then(|rule| rule(head));
            priority = priority.cost(ruled().or(told).unwrap_or(Cost::ONE));
        }
        match left {
            Some(left) if priority.due().is_none() => priority.deadline(atrion.now().after(left)),
            _ => priority,
        }
    }

    /// Adds whose request it is, where its priority does not say: by an extension, the service's rule,
    /// or a header.
    fn with_tenant(&self, priority: Priority, head: &RequestHead<'_>, atrion: &Atrion) -> Priority {
        if priority.of_tenant().is_some() {
            return priority;
        }
        let ruled = || self.tenant.as_ref().and_then(|rule| rule(head));
        let told = || {
            let trusted = self.trusted.as_ref()?;
            trusted.tenant_of(head.headers, &mut |name| self.complaints.complain(name, atrion))
        };
        let tenant = head.extensions.get::<Tenant>().copied().or_else(ruled).or_else(told);
        tenant.map_or(priority, |tenant| priority.tenant(tenant))
    }

    fn propagate<B>(&self, priority: Priority, request: &mut Request<B>, atrion: &Atrion) -> Priority {
        let headers = request.headers_mut();
        work::tell_deadline(priority, headers, atrion.now());
        let tier = priority.counted_as();
        headers.insert(header::TIER, HeaderValue::from_static(tier.as_str()));
        if self.propagate == Propagate::Tier {
            // The old voltage belongs to another priority.
            headers.remove(header::VOLTAGE);
            return priority;
        }
        let volts = self.place.of(priority, atrion.now());
        headers.insert(header::VOLTAGE, number(volts));
        // The gates here and at the callee judge the same voltage.
        priority.as_important_as(Priority::volts(volts))
    }
}

/// Chooses the voltage of requests that tell their callee one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The place in the band of a request without a cohort.
    counter: Arc<AtomicU64>,
}

impl Place {
    pub(crate) fn of(&self, priority: Priority, now: Mono) -> Volts {
        let counter = self.counter.fetch_add(1, Relaxed);
        priority.resolve(Spread::Band, Priority::epoch(now), counter)
    }
}

impl fmt::Debug for Priorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Priorities")
            .field("default", &self.default)
            .field("rule", &self.rule.is_some())
            .field("cost", &self.cost.is_some())
            .field("tenant", &self.tenant.is_some())
            .field("trusted", &self.trusted)
            .field("strip", &self.strip)
            .field("propagate", &self.propagate)
            .finish_non_exhaustive()
    }
}

/// Whether a priority says more than how important its request is: the handler is told that.
fn is_told(priority: Priority) -> bool {
    priority.due().is_some() || priority.units() != Cost::ONE || priority.of_tenant().is_some()
}

/// Whether a priority has a place in the band: a cohort or a voltage.
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
