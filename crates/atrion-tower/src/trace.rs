// SPDX-License-Identifier: Apache-2.0
//! A refusal in the trace of its request. A decision has no span of its own: the request has one
//! already.

use std::fmt;
use std::sync::Arc;

use atrion_engine::{Route, Shed};
use tracing::{Span, field};

type Call = dyn Fn(&Route, &Shed) + Send + Sync;

/// A function that is called with every refusal.
#[derive(Clone, Default)]
pub(crate) struct OnRefusal(Option<Arc<Call>>);

impl OnRefusal {
    pub(crate) fn new(call: impl Fn(&Route, &Shed) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(call)))
    }

    pub(crate) fn refused(&self, route: &Route, shed: &Shed) {
        mark(route, shed);
        if let Some(call) = &self.0 {
            call(route, shed);
        }
    }
}

impl fmt::Debug for OnRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a function" } else { "nothing" })
    }
}

/// Writes a refusal into the fields that the current span has declared. Undeclared fields and a
/// disabled span cost a look-up.
pub(crate) fn mark(route: &Route, shed: &Shed) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    let (refusal, terms) = (shed.refusal(), shed.terms());
    span.record("atrion.decision", "shed")
        .record("atrion.route", field::display(route.id()))
        .record("atrion.tier", refusal.tier.as_str())
        .record("atrion.shed.reason", refusal.reason.as_str())
        .record("atrion.voltage", refusal.volts.get())
        .record("atrion.resistance", terms.resistance().get())
        .record("atrion.resistance.base", terms.base.get())
        .record("atrion.resistance.saturation", terms.saturation.get())
        .record("atrion.resistance.momentum", terms.momentum.get())
        .record("atrion.resistance.scar", terms.scar.get())
        .record("atrion.resistance.staleness", terms.staleness.get())
        .record("atrion.resistance.cluster", terms.cluster)
        .record("atrion.resistance.signal", terms.signal.get());
    if let Some(signal) = shed.signal() {
        span.record("atrion.signal", field::display(signal));
    }
    if let Some(group) = group(route, shed) {
        span.record("atrion.group", group);
    }
}

/// The name of the group whose gate has refused, if it was not the route's own.
pub(crate) fn group(route: &Route, shed: &Shed) -> Option<String> {
    shed.by_group().then(|| route.refuser(shed))?.group_name().map(str::to_owned)
}
