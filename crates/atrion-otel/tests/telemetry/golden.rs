// SPDX-License-Identifier: Apache-2.0
//! Names, units and labels are an interface: dashboards and alerts depend on them. They are golden
//! files; run with `ATRION_BLESS=1` to write them anew, and tell users in the changelog.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use atrion_otel::{INSTRUMENTS, Kind, Telemetry};

use crate::support::{Scrape, eventful};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn compare(name: &str, found: &str) {
    let path = golden(name);
    if std::env::var_os("ATRION_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} is not what was promised; found:\n{found}");
}

#[test]
fn the_catalogue_is_as_promised() {
    let mut text = String::new();
    for instrument in INSTRUMENTS {
        let kind = match instrument.kind {
            Kind::Counter => "counter".into(),
            Kind::UpDownCounter => "up-down counter".into(),
            Kind::Gauge => "gauge".into(),
            Kind::Histogram(bounds) => format!("histogram {bounds:?}"),
            _ => "?".into(),
        };
        let unit = if instrument.unit.is_empty() { "-" } else { instrument.unit };
        text += &format!("{} | {kind} | {unit} | {}\n", instrument.name, instrument.attributes.join(" "));
    }
    compare("instruments.txt", &text);
}

/// Names and labels of a scrape, without the parts of a histogram and the labels of the scope.
pub(crate) fn families(scrape: &Scrape) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families = BTreeMap::new();
    for (name, kind) in scrape.kinds.iter().filter(|(name, _)| name.starts_with("atrion_")) {
        let parts: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        let is_ours = |sample: &str| parts.iter().any(|part| sample == format!("{name}{part}"));
        let labels = scrape.samples.iter().filter(|sample| is_ours(&sample.name));
        let labels =
            labels.flat_map(|sample| sample.labels.keys()).filter(|label| !label.starts_with("otel_scope"));
        families.insert(name.clone(), (kind.clone(), labels.cloned().collect()));
    }
    families
}

#[tokio::test(start_paused = true)]
async fn what_prometheus_scrapes_is_as_promised() {
    let (stage, _fleet) = eventful(Telemetry::builder().instance("golden")).await;
    let mut text = String::new();
    for (name, (kind, labels)) in families(&stage.scrape()) {
        text += &format!("{name} | {kind} | {}\n", Vec::from_iter(labels).join(" "));
    }
    compare("prometheus.txt", &text);
}

#[tokio::test(start_paused = true)]
async fn every_instrument_with_every_attribute_is_in_an_eventful_life() {
    let (stage, _fleet) = eventful(Telemetry::builder().instance("whole")).await;
    let families = families(&stage.scrape());
    for instrument in INSTRUMENTS {
        let prefix = instrument.name.replace('.', "_");
        let suffixes = ["", "_total", "_ratio", "_seconds"].map(|suffix| format!("{prefix}{suffix}"));
        let found = suffixes.iter().find_map(|name| families.get(name));
        let (_, labels) = found.unwrap_or_else(|| panic!("{} was not scraped", instrument.name));
        let expected: BTreeSet<_> =
            instrument.attributes.iter().map(|attribute| attribute.replace('.', "_")).collect();
        let found: BTreeSet<_> = labels.iter().filter(|label| *label != "le").cloned().collect();
        assert_eq!(found, expected, "{}", instrument.name);
    }
    assert_eq!(families.len(), INSTRUMENTS.len(), "and nothing else: {:?}", families.keys());
}
