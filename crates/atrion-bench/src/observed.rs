// SPDX-License-Identifier: Apache-2.0
//! Atrion with an exporter that is scraped, to be compared with Atrion without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use atrion_otel::Telemetry;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;

use crate::atrion::Hot;
use crate::contender::{Contender, Session};

/// The caller gives the clock reading, OpenTelemetry gets every event, and all metrics are scraped
/// ten times a second, a hundred times as often as usual.
pub struct Observed {
    hot: Hot,
    is_over: Arc<AtomicBool>,
    scraper: Option<JoinHandle<()>>,
}

const BETWEEN_SCRAPES: Duration = Duration::from_millis(100);

impl Observed {
    /// A hot route of an instance of its own, an exporter, and a thread that scrapes.
    pub fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let exporter = exporter.expect("an exporter with a registry of its own");
        let meters = SdkMeterProvider::builder().with_reader(exporter).build();
        let telemetry = Telemetry::builder().instance("bench").build(&meters);
        let hot = Hot::with(|builder| builder.observer(Arc::new(telemetry.clone())));
        telemetry.watch(&hot.atrion);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let scraper = thread::spawn(move || {
            while !over.load(Relaxed) {
                let families = registry.gather();
                assert!(!families.is_empty(), "there is nothing to scrape");
                thread::sleep(BETWEEN_SCRAPES);
            }
            // The instruments live as long as their provider.
            drop(meters);
        });
        Self { hot, is_over, scraper: Some(scraper) }
    }
}

impl Default for Observed {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(scraper) = self.scraper.take() {
            scraper.join().expect("the scraper has found something each time");
        }
    }
}

impl Contender for Observed {
    fn name(&self) -> &'static str {
        "atrion, observed"
    }

    fn operation(&self) -> &'static str {
        "`admit_at` and `finish_at` with success, scraped ten times a second"
    }

    fn clock_reads(&self) -> &'static str {
        "none"
    }

    fn session(&self) -> Session<'_> {
        self.hot.session()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::race;

    #[test]
    fn every_operation_is_admitted_while_somebody_reads() {
        race(&Observed::new(), 2, 20_000);
    }
}
