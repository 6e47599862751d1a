// SPDX-License-Identifier: Apache-2.0
//! The exporter: it records events as they come, and reads the state of the instance at a
//! collection.

use std::fmt;
use std::sync::Arc;

use atrion_engine::Atrion;
use atrion_state::{Event, Observer};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::{InstrumentationScope, KeyValue};

use crate::catalogue::{
    CONFIG, ERROR_TYPE, INSTANCE, LEASE_END, LEASES_ENDED, OPERATION, PROVIDER, PULSE, RESULT, SYNC,
    TURNED_AWAY,
};
use crate::instance::InstanceName;
use crate::instruments::{self, EventInstruments};
use crate::reading::Reader;

/// Exports one [`Atrion`] instance to OpenTelemetry.
///
/// It is an [`Observer`]: give it to the builder, and then give the instance to it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use atrion_engine::Atrion;
/// use atrion_otel::Telemetry;
///
/// let telemetry = Telemetry::new(&*opentelemetry::global::meter_provider());
/// let atrion = Atrion::builder().observer(Arc::new(telemetry.clone())).connect().await?;
/// telemetry.watch(&atrion);
/// # Ok(())
/// # }
/// ```
///
/// Nothing here is on a request's path: counters and gauges are read at a collection, from one
/// snapshot per pulse, and events come from the pulse. It does not keep the instance alive; when
/// the instance is gone, so are its series.
///
/// Clones are the same exporter. One exporter watches one instance.
#[derive(Clone)]
pub struct Telemetry {
    reader: Arc<Reader>,
    recorded: Arc<EventInstruments>,
}

/// Builds a [`Telemetry`]. Every setting has a default.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    instance: String,
    routes: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self { instance: "default".into(), routes: 1_000 }
    }
}

impl Builder {
    /// Names the instance: the attribute `atrion.instance` of each of its series. `default` by
    /// default. If another living instance of this process has the name, a number is added to it.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = name.into();
        self
    }

    /// Sets how many routes have series of their own; the rest share those of `__other__`. 1,000 by
    /// default.
    ///
    /// The SDK has a limit of its own on series: see [`most_series`](crate::most_series).
    pub fn routes(mut self, routes: usize) -> Self {
        self.routes = routes;
        self
    }

    /// Makes the instruments.
    #[must_use]
    pub fn build(self, meters: &(impl MeterProvider + ?Sized)) -> Telemetry {
        let scope = InstrumentationScope::builder("atrion").with_version(env!("CARGO_PKG_VERSION")).build();
        let meter = meters.meter_with_scope(scope);
        let instance = InstanceName::claim(&self.instance);
        let label = KeyValue::new(INSTANCE, instance.as_str().to_owned());
        let reader = Arc::new(Reader::new(instance, self.routes));
        instruments::observe(&meter, &reader, &label);
        let recorded = Arc::new(EventInstruments::new(&meter, label));
        Telemetry { reader, recorded }
    }
}

impl Telemetry {
    /// Makes an exporter on a provider of meters, with the defaults of a [`Builder`].
    #[must_use]
    pub fn new(meters: &(impl MeterProvider + ?Sized)) -> Self {
        Builder::default().build(meters)
    }

    /// Starts to build one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Reads this instance from now on, in place of an earlier one.
    pub fn watch(&self, atrion: &Atrion) {
        self.reader.watch(atrion.downgrade());
    }

    /// The name of the instance in its series.
    #[must_use]
    pub fn instance(&self) -> &str {
        self.reader.instance()
    }
}

impl Observer for Telemetry {
    fn on_event(&self, event: &Event) {
        let recorded = &self.recorded;
        match event {
            Event::PulseFinished { duration, .. } => {
                self.reader.pulsed();
                recorded.histogram(&PULSE, duration.as_secs_f64(), []);
            }
            Event::SyncFinished { provider, operation, duration, result, .. } => {
                let (provider, operation) =
                    (KeyValue::new(PROVIDER, *provider), KeyValue::new(OPERATION, operation.name()));
                let seconds = duration.as_secs_f64();
                match result {
                    Ok(()) => recorded.histogram(&SYNC, seconds, [provider, operation]),
                    Err(error) => {
                        let error = KeyValue::new(ERROR_TYPE, error.kind());
                        recorded.histogram(&SYNC, seconds, [provider, operation, error]);
                    }
                }
            }
            Event::ModeChanged { route, from, to, .. } => self.reader.changed_mode(route, *from, *to),
            Event::RoutesOverflowed { refused, .. } => recorded.count(&TURNED_AWAY, *refused, []),
            Event::ConfigReplaced { .. } => recorded.count(&CONFIG, 1, [KeyValue::new(RESULT, "accepted")]),
            Event::ConfigRejected { .. } => recorded.count(&CONFIG, 1, [KeyValue::new(RESULT, "rejected")]),
            Event::LeaseEnded { end, .. } => {
                recorded.count(&LEASES_ENDED, 1, [KeyValue::new(LEASE_END, end.name())]);
            }
            Event::LicenseChanged { provider, license, .. } => self.reader.licensed(provider, license),
            _ => {}
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("instance", &self.instance()).finish_non_exhaustive()
    }
}
