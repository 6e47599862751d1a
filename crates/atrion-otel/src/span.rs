// SPDX-License-Identifier: Apache-2.0
//! A refusal in the trace of its request.

use atrion_core::Refusal;
use atrion_engine::{Route, Shed};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};

use crate::catalogue;

/// Writes a refusal into the current span, if it is recorded: the decision, the route, the group
/// whose gate has refused (`atrion.group`, if it was not the route's own), the tier, the reason,
/// and the resistance with all its terms. For `on_refusal` of the tower layers, or after an `admit`
/// of your own.
///
/// The current span is the one of [`Context::current`]; `tracing-opentelemetry` makes its spans
/// current there by itself. The span does not have to declare anything beforehand.
pub fn mark_span(route: &Route, shed: &Shed) {
    let context = Context::current();
    let span = context.span();
    if span.is_recording() {
        span.set_attributes(attributes(route.id().as_str(), shed.refusal()));
        if shed.by_group()
            && let Some(group) = route.refuser(shed).group_name()
        {
            span.set_attribute(KeyValue::new("atrion.group", group.to_owned()));
        }
    }
}

fn attributes(route: &str, refusal: &Refusal) -> [KeyValue; 14] {
    let terms = &refusal.terms;
    [
        KeyValue::new(catalogue::DECISION, "shed"),
        KeyValue::new(catalogue::ROUTE, route.to_owned()),
        KeyValue::new(catalogue::TIER, refusal.tier.as_str()),
        KeyValue::new(catalogue::REASON, refusal.reason.as_str()),
        KeyValue::new(catalogue::MODE, refusal.mode.as_str()),
        KeyValue::new("atrion.voltage", refusal.volts.get()),
        KeyValue::new("atrion.resistance", terms.resistance().get()),
        KeyValue::new("atrion.resistance.base", terms.base.get()),
        KeyValue::new("atrion.resistance.saturation", terms.saturation.get()),
        KeyValue::new("atrion.resistance.momentum", terms.momentum.get()),
        KeyValue::new("atrion.resistance.scar", terms.scar.get()),
        KeyValue::new("atrion.resistance.staleness", terms.staleness.get()),
        KeyValue::new("atrion.resistance.cluster", terms.cluster),
        KeyValue::new("atrion.resistance.signal", terms.signal.get()),
    ]
}
