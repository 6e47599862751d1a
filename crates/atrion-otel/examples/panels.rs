// SPDX-License-Identifier: Apache-2.0
//! The first panels of the dashboard, drawn without Grafana from scrapes: a service in virtual time
//! gets more than it can carry, recovers, and then loses its dependency. With a path it writes the
//! picture there:
//!
//! ```console
//! $ cargo run -p atrion-otel --example panels docs/observability/panels.svg
//! ```
#![allow(missing_docs)] // an example is read from top to bottom

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Mono, Outcome, Tier, Wall};
use atrion_engine::{Atrion, Config, Route};
use atrion_otel::Telemetry;
use atrion_sim::plot::{Curve, Plot};
use atrion_state::Clock;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;
use tokio::time::{Instant, sleep};

const ROUTE: &str = "POST /orders";
const TERMS: [&str; 7] = ["base", "saturation", "momentum", "scar", "staleness", "cluster", "signal"];

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
    let meters = SdkMeterProvider::builder().with_reader(exporter).build();
    let telemetry = Telemetry::new(&meters);
    let config = Config::default().slo(Duration::from_millis(250));
    let builder = Atrion::builder().config(config).clock(Arc::new(Virtual(Instant::now())));
    let atrion = builder.observer(Arc::new(telemetry.clone())).connect().await?;
    telemetry.watch(&atrion);

    let (route, mut scrapes) = (atrion.route(ROUTE), Vec::new());
    for second in 0..100 {
        live_for_a_second(&route, second).await;
        scrapes.push(scrape(&registry));
    }

    let panels = panels(&scrapes);
    let refused = |tier: Tier| scrapes.last().map_or(0.0, |scrape| get(scrape, &shed(tier)));
    let by_tier: Vec<_> = Tier::ALL.iter().map(|tier| format!("{tier} {}", refused(*tier))).collect();
    println!("{} scrapes, refused: {}", scrapes.len(), by_tier.join(", "));
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(&path, picture(&panels))?;
        println!("written to {path}");
    }
    if refused(Tier::Bulk) <= refused(Tier::Critical) {
        return Err("the least important was not refused first".into());
    }
    Ok(())
}

/// One second of calls, a fifth of each tier. Twenty at once take 40 ms; more wait for each other.
/// From the 60th second to the 75th every call fails.
async fn live_for_a_second(route: &Route, second: u32) {
    let a_second = if (20..45).contains(&second) { 1_500 } else { 250 };
    let mut spread = 0;
    for _ in 0..50 {
        for _ in 0..a_second / 50 {
            spread = (spread + 1) % 5;
            let Ok(permit) = route.admit_owned(Tier::ALL[spread]) else { continue };
            let crowd = (route.snapshot().in_flight as f64 / 20.0).max(1.0);
            let outcome = if (60..75).contains(&second) { Outcome::Failure } else { Outcome::Success };
            tokio::spawn(async move {
                sleep(Duration::from_secs_f64(0.04 * crowd)).await;
                permit.finish(outcome);
            });
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Values by the name of the series and the one label that differs here.
type Scrape = HashMap<String, f64>;

fn scrape(registry: &Registry) -> Scrape {
    let mut all = Scrape::new();
    for family in registry.gather() {
        for metric in family.get_metric() {
            let label =
                |name: &str| metric.get_label().iter().find(|label| label.name() == name).map(|l| l.value());
            if label("atrion_route") != Some(ROUTE) {
                continue;
            }
            let by = ["atrion_mode", "atrion_tier"].iter().find_map(|name| label(name)).unwrap_or_default();
            let by = label("atrion_decision").map_or(by.to_owned(), |decision| format!("{decision} {by}"));
            let value = metric.get_counter().get_value() + metric.get_gauge().get_value();
            // Reasons are summed.
            *all.entry(format!("{} {by}", family.name()).trim_end().to_owned()).or_default() += value;
        }
    }
    all
}

fn get(scrape: &Scrape, series: &str) -> f64 {
    scrape.get(series).copied().unwrap_or(0.0)
}

fn shed(tier: Tier) -> String {
    format!("atrion_admission_requests_total shed {tier}")
}

fn panels(scrapes: &[Scrape]) -> Vec<Plot> {
    let curve =
        |name: &str, value: &dyn Fn(&Scrape) -> f64| Curve::new(name, scrapes.iter().map(value).collect());
    let of = |name: &str, series: &str| curve(name, &|scrape| get(scrape, series));
    let panel = |title: &str, curves| Plot { title: title.into(), step: 1.0, unit: "s".into(), curves };
    let terms = TERMS.iter().map(|term| of(term, &format!("atrion_route_{term}")));
    let rate = |tier: &Tier| {
        let counts: Vec<_> = scrapes.iter().map(|scrape| get(scrape, &shed(*tier))).collect();
        let before = std::iter::once(&0.0).chain(&counts);
        Curve::new(tier.as_str(), counts.iter().zip(before).map(|(now, then)| now - then).collect())
    };
    let mode = |scrape: &Scrape| {
        let modes = Mode::ALL.iter().zip([0.0, 1.0, 2.0]);
        modes.map(|(mode, number)| number * get(scrape, &format!("atrion_route_mode {mode}"))).sum()
    };
    vec![
        panel(
            "Resistance and its terms, ohm",
            std::iter::once(of("resistance", "atrion_route_resistance")).chain(terms).collect(),
        ),
        panel("Refused by tier, requests a second", Tier::ALL.iter().map(rate).collect()),
        panel("Mode: 0 bootstrap, 1 operational, 2 breaker open", vec![curve("mode", &mode)]),
        panel(
            "In flight and limit",
            vec![of("in flight", "atrion_admission_active_requests"), of("limit", "atrion_route_limit")],
        ),
    ]
}

/// The panels below each other.
fn picture(panels: &[Plot]) -> String {
    let (mut body, mut y) = (String::new(), 0.0);
    for panel in panels {
        let svg = panel.svg();
        let size =
            svg.split("viewBox=\"0 0 ").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("880 400");
        let (width, height) = size.split_once(' ').unwrap_or(("880", "400"));
        body += &svg.replacen("<svg ", &format!("<svg y=\"{y}\" width=\"{width}\" height=\"{height}\" "), 1);
        y += height.parse().unwrap_or(400.0);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 880 {y}\">\n<!-- Drawn by the example `panels` of atrion-otel. -->\n{body}</svg>\n"
    )
}

/// Tokio's time, which stands still until all tasks wait.
struct Virtual(Instant);

impl std::fmt::Debug for Virtual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("virtual time")
    }
}

impl Clock for Virtual {
    fn now(&self) -> Mono {
        Mono::from_nanos(1).after(self.0.elapsed())
    }

    fn wall(&self) -> Wall {
        Wall::from_millis(self.0.elapsed().as_millis() as u64)
    }
}
