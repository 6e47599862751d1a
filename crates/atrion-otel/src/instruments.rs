// SPDX-License-Identifier: Apache-2.0
//! The instruments themselves. Those of the state are read in callbacks; those of events are
//! written on the pulse's task.

use std::collections::HashMap;
use std::sync::Arc;

use atrion_core::{Mode, Reason, Share, Tier};
use atrion_state::{Health, LicenseState};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};

use crate::catalogue::*;
use crate::reading::{Reader, Reading, RouteReading};
use crate::shown;

/// Writes one series: its value, and its attributes beside the instance's name.
type Write<'a, T> = &'a mut dyn FnMut(T, &[KeyValue]);

/// Makes every instrument that is read at a collection.
pub(crate) fn observe(meter: &Meter, reader: &Arc<Reader>, instance: &KeyValue) {
    counter(meter, &REQUESTS, reader, instance, requests);
    counter(meter, &OUTCOMES, reader, instance, outcomes);
    counter(meter, &TRANSITIONS, reader, instance, transitions);
    counter(meter, &MESSAGES_SEEN, reader, instance, messages);
    sum(meter, &ACTIVE, reader, instance, |reading, write| each_alone(reading, write, |route| route.active));
    sum(meter, &STREAMS, reader, instance, |reading, write| {
        each_alone(reading, write, |route| route.streams)
    });
    sum(meter, &OVERTAKEN, reader, instance, |reading, write| {
        each_alone(reading, write, |route| route.overtaken);
    });
    sum(meter, &LEASES, reader, instance, |reading, write| each_alone(reading, write, |route| route.leases));
    sum(meter, &ROUTES, reader, instance, routes);
    gauge(meter, &PRESSURE, reader, instance, pressure);
    gauge(meter, &RESISTANCE, reader, instance, |reading, write| {
        each(reading, write, |route| route.resistance)
    });
    gauge(meter, &BASE, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.base.get())
    });
    gauge(meter, &SATURATION, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.saturation.get());
    });
    gauge(meter, &MOMENTUM, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.momentum.get());
    });
    gauge(meter, &SCAR, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.scar.get())
    });
    gauge(meter, &STALENESS, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.staleness.get());
    });
    gauge(meter, &CLUSTER, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.cluster)
    });
    gauge(meter, &SIGNAL, reader, instance, |reading, write| {
        each(reading, write, |route| route.terms.signal.get())
    });
    gauge(meter, &TARGET, reader, instance, |reading, write| each(reading, write, |route| route.target));
    gauge(meter, &FLEET_TARGET, reader, instance, |reading, write| {
        each_shared(reading, write, |share| share.target);
    });
    gauge(meter, &FLEET_ACTIVE, reader, instance, |reading, write| {
        each_shared(reading, write, |share| share.in_flight);
    });
    gauge(meter, &FLEET_PART, reader, instance, |reading, write| {
        each_shared(reading, write, |share| share.part);
    });
    gauge(meter, &OLDEST_BEAT, reader, instance, oldest_beat);
    gauge(meter, &LAG, reader, instance, lag);
    gauge(meter, &EXPIRATION, reader, instance, expiration);
    state(meter, &MODE_NOW, reader, instance, mode);
    state(meter, &DEGRADED, reader, instance, degraded);
    state(meter, &NODES, reader, instance, nodes);
    state(meter, &LICENSE, reader, instance, license);
}

/// A callback that turns a reading into the series of an instrument, and adds the instance's name
/// to each of them.
fn callback<T: Copy + 'static>(
    reader: &Arc<Reader>,
    instance: &KeyValue,
    show: fn(&Reading, Write<'_, T>),
) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
    let (reader, instance) = (Arc::clone(reader), instance.clone());
    move |observer| {
        let mut all = Vec::with_capacity(5);
        show(&reader.read(), &mut |value, attributes| {
            all.clear();
            all.push(instance.clone());
            all.extend_from_slice(attributes);
            observer.observe(value, &all);
        });
    }
}

macro_rules! observable {
    ($name:ident, $value:ty, $make:ident) => {
        fn $name(
            meter: &Meter,
            what: &Instrument,
            reader: &Arc<Reader>,
            instance: &KeyValue,
            show: fn(&Reading, Write<'_, $value>),
        ) {
            // The meter keeps the callback; the handle is not needed.
            let _ = meter
                .$make(what.name)
                .with_unit(what.unit)
                .with_description(what.description)
                .with_callback(callback(reader, instance, show))
                .build();
        }
    };
}

observable!(counter, u64, u64_observable_counter);
observable!(sum, i64, i64_observable_up_down_counter);
observable!(gauge, f64, f64_observable_gauge);
observable!(state, u64, u64_observable_gauge);

fn each<T>(reading: &Reading, write: Write<'_, T>, value: impl Fn(&RouteReading) -> T) {
    for route in &reading.routes {
        write(value(route), &[route.label()]);
    }
}

/// Only routes whose callee is one for all nodes, while there are others.
fn each_shared(reading: &Reading, write: Write<'_, f64>, value: impl Fn(&Share) -> f64) {
    for route in &reading.routes {
        if let Some(share) = &route.share {
            write(value(share), &[route.label()]);
        }
    }
}

impl RouteReading {
    fn label(&self) -> KeyValue {
        KeyValue::new(ROUTE, self.name.clone())
    }
}

/// A count of 0 has no series. The exception is the normal tier, so that every route has a series.
fn requests(reading: &Reading, write: Write<'_, u64>) {
    for route in reading.routes.iter().filter(|route| !route.is_group) {
        for (tier, admitted) in Tier::ALL.into_iter().zip(route.totals.admitted) {
            if admitted > 0 || tier == Tier::Normal {
                let tier = KeyValue::new(TIER, tier.as_str());
                write(admitted, &[route.label(), tier, KeyValue::new(DECISION, "admitted")]);
            }
        }
        let own = Reason::ALL.map(Reason::as_str).into_iter().zip(route.totals.shed);
        for (reason, by_tier) in own.chain([(BY_GROUP, route.totals.by_group)]) {
            for (tier, shed) in Tier::ALL.into_iter().zip(by_tier).filter(|(_, shed)| *shed > 0) {
                let (tier, reason) = (KeyValue::new(TIER, tier.as_str()), KeyValue::new(REASON, reason));
                write(shed, &[route.label(), tier, KeyValue::new(DECISION, "shed"), reason]);
            }
        }
    }
}

/// Reason of a refusal by the gate of the route's group; the series of that gate say why.
const BY_GROUP: &str = "group";

/// Without the gates of groups, whose requests are counted at their routes.
fn each_alone(reading: &Reading, write: Write<'_, i64>, value: impl Fn(&RouteReading) -> i64) {
    for route in reading.routes.iter().filter(|route| !route.is_group) {
        write(value(route), &[route.label()]);
    }
}

fn outcomes(reading: &Reading, write: Write<'_, u64>) {
    for route in &reading.routes {
        for (outcome, count) in shown::OUTCOMES.into_iter().zip(route.totals.outcomes) {
            if count > 0 {
                write(count, &[route.label(), KeyValue::new(OUTCOME, outcome)]);
            }
        }
    }
}

fn transitions(reading: &Reading, write: Write<'_, u64>) {
    for route in &reading.routes {
        for ((from, to), count) in &route.transitions {
            let (from, to) = (KeyValue::new(MODE_FROM, from.as_str()), KeyValue::new(MODE_TO, to.as_str()));
            write(*count, &[route.label(), from, to]);
        }
    }
}

fn routes(reading: &Reading, write: Write<'_, i64>) {
    for (visibility, count) in [("own", reading.shown), ("other", reading.other)] {
        // An instance that is gone has no series, and not a series that counts no routes.
        if reading.shown > 0 {
            write(i64::try_from(count).unwrap_or(i64::MAX), &[KeyValue::new(VISIBILITY, visibility)]);
        }
    }
}

fn pressure(reading: &Reading, write: Write<'_, f64>) {
    for route in &reading.routes {
        let known = [
            ("latency", route.latency),
            ("error", Some(route.error)),
            ("saturation", Some(route.saturation)),
        ];
        for (component, value) in known {
            if let Some(value) = value {
                write(value, &[route.label(), KeyValue::new(COMPONENT, component)]);
            }
        }
    }
}

fn oldest_beat(reading: &Reading, write: Write<'_, f64>) {
    for route in &reading.routes {
        if let Some(silent) = route.oldest_beat {
            write(silent.as_secs_f64(), &[route.label()]);
        }
    }
}

fn mode(reading: &Reading, write: Write<'_, u64>) {
    for route in &reading.routes {
        for (mode, is_in_it) in Mode::ALL.into_iter().zip(route.modes) {
            write(u64::from(is_in_it), &[route.label(), KeyValue::new(MODE, mode.as_str())]);
        }
    }
}

fn lag(reading: &Reading, write: Write<'_, f64>) {
    for store in &reading.stores {
        if let Some(lag) = store.lag {
            write(lag.as_secs_f64(), &[KeyValue::new(PROVIDER, store.provider)]);
        }
    }
}

fn messages(reading: &Reading, write: Write<'_, u64>) {
    for store in &reading.stores {
        for counted in &store.messages {
            let mut attributes = vec![
                KeyValue::new(PROVIDER, store.provider),
                KeyValue::new(DIRECTION, counted.direction.name()),
                KeyValue::new(RESULT, counted.result.name()),
            ];
            attributes.extend(counted.reason.map(|reason| KeyValue::new(MESSAGE_REASON, reason)));
            write(counted.count, &attributes);
        }
    }
}

fn degraded(reading: &Reading, write: Write<'_, u64>) {
    for store in &reading.stores {
        let is_degraded = matches!(store.health, Health::Degraded { .. });
        write(u64::from(is_degraded), &[KeyValue::new(PROVIDER, store.provider)]);
    }
}

fn nodes(reading: &Reading, write: Write<'_, u64>) {
    for store in &reading.stores {
        if let Some(nodes) = store.nodes {
            for (state, count) in [("live", nodes.live), ("fading", nodes.fading)] {
                let attributes = [KeyValue::new(PROVIDER, store.provider), KeyValue::new(NODE_STATE, state)];
                write(count as u64, &attributes);
            }
        }
    }
}

fn expiration(reading: &Reading, write: Write<'_, f64>) {
    for license in &reading.licenses {
        if let (Some(id), Some(expires)) = (&license.id, license.expires) {
            write(expires.as_millis() as f64 / 1e3, &[KeyValue::new(LICENSE_ID, Arc::clone(id))]);
        }
    }
}

fn license(reading: &Reading, write: Write<'_, u64>) {
    for license in &reading.licenses {
        let id = license.id.clone().unwrap_or_else(|| "none".into());
        for state in LicenseState::ALL {
            let attributes =
                [KeyValue::new(LICENSE_ID, Arc::clone(&id)), KeyValue::new(LICENSE_STATE, state.name())];
            write(u64::from(state == license.state), &attributes);
        }
    }
}

/// The instruments of events.
pub(crate) struct EventInstruments {
    instance: KeyValue,
    counters: HashMap<&'static str, Counter<u64>>,
    histograms: HashMap<&'static str, Histogram<f64>>,
}

impl EventInstruments {
    pub(crate) fn new(meter: &Meter, instance: KeyValue) -> Self {
        let counter = |what: &Instrument| {
            let made = meter.u64_counter(what.name).with_unit(what.unit).with_description(what.description);
            (what.name, made.build())
        };
        let histogram = |what: &Instrument| {
            let made = meter.f64_histogram(what.name).with_unit(what.unit).with_description(what.description);
            let bounds = if let Kind::Histogram(bounds) = what.kind { bounds } else { &[] };
            (what.name, made.with_boundaries(bounds.to_vec()).build())
        };
        let counters = HashMap::from([counter(&TURNED_AWAY), counter(&CONFIG), counter(&LEASES_ENDED)]);
        let histograms = HashMap::from([histogram(&PULSE), histogram(&SYNC)]);
        Self { instance, counters, histograms }
    }

    pub(crate) fn count<const N: usize>(&self, what: &Instrument, count: u64, attributes: [KeyValue; N]) {
        if let Some(counter) = self.counters.get(what.name) {
            counter.add(count, &self.with_instance(attributes));
        }
    }

    pub(crate) fn histogram<const N: usize>(&self, what: &Instrument, value: f64, attributes: [KeyValue; N]) {
        if let Some(histogram) = self.histograms.get(what.name) {
            histogram.record(value, &self.with_instance(attributes));
        }
    }

    fn with_instance<const N: usize>(&self, attributes: [KeyValue; N]) -> Vec<KeyValue> {
        let mut all = Vec::with_capacity(N + 1);
        all.push(self.instance.clone());
        all.extend(attributes);
        all
    }
}
