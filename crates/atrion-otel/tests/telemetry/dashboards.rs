// SPDX-License-Identifier: Apache-2.0
//! The shipped dashboard and alert rules use only series that the library emits, and all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use atrion_otel::{INSTRUMENTS, Telemetry};
use serde_json::Value;

use crate::golden::families;
use crate::support::eventful;

/// Labels by the name of every series, the parts of histograms among them.
type Emitted = BTreeMap<String, BTreeSet<String>>;

async fn emitted() -> Emitted {
    let (stage, _fleet) = eventful(Telemetry::builder().instance("dashboards")).await;
    let mut all = Emitted::new();
    for (name, (kind, labels)) in families(&stage.scrape()) {
        let parts: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        for part in parts {
            all.insert(format!("{name}{part}"), labels.clone());
        }
    }
    all
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/observability").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// A query with the labels that go with it: in a legend, a summary, a description.
struct Query {
    expression: String,
    texts: Vec<String>,
}

fn dashboard() -> Vec<Query> {
    let dashboard: Value = serde_json::from_str(&read("atrion-dashboard.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let targets = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let mut queries: Vec<_> = targets
        .map(|target| Query { expression: text(&target["expr"]), texts: vec![text(&target["legendFormat"])] })
        .collect();
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if variable["type"] == "query" {
            let query = text(&variable["definition"]);
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = inner.rsplit_once(", ").unwrap();
            let texts = vec![format!("{{{{{label}}}}}")];
            queries.push(Query { expression: series.into(), texts });
        }
    }
    queries
}

fn alerts() -> Vec<Query> {
    let rules = read("alerts.yaml");
    let mut queries: Vec<Query> = Vec::new();
    for line in rules.lines().map(str::trim) {
        if let Some(expression) = line.strip_prefix("expr: ") {
            queries.push(Query { expression: expression.into(), texts: Vec::new() });
        } else if let (Some(query), true) =
            (queries.last_mut(), line.starts_with("summary") || line.starts_with("description"))
        {
            query.texts.push(line.replace("$labels.", ""));
        }
    }
    queries
}

/// The names of series in an expression, each with the labels of its selector, and the labels of
/// its aggregations.
fn parse(expression: &str) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut series, mut grouped) = (Vec::new(), Vec::new());
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '"') {
        rest = &rest[start..];
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = &quoted[quoted.find('"').unwrap() + 1..];
            continue;
        }
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if word == "by" || word == "without" {
            let list = after.trim_start().strip_prefix('(').unwrap();
            let (labels, after) = list.split_once(')').unwrap();
            grouped.extend(labels.split(',').map(|label| label.trim().to_owned()));
            rest = after;
        } else if word.starts_with("atrion_") {
            let mut labels = Vec::new();
            if let Some(selector) = after.strip_prefix('{') {
                let (selector, after) = selector.split_once('}').unwrap();
                let matchers = selector.split(',').map(str::trim).filter(|matcher| !matcher.is_empty());
                labels.extend(
                    matchers
                        .map(|matcher| matcher.split(|c| !is_name(c)).next().unwrap_or_default().to_owned()),
                );
                rest = after;
            }
            series.push((word.to_owned(), labels));
        }
    }
    (series, grouped)
}

/// The names in `{{ }}`.
fn labels_of(text: &str) -> Vec<String> {
    let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    let names = parts.map(|(name, _)| name.trim().to_owned());
    names.filter(|name| !name.starts_with("$value")).collect()
}

fn check(queries: &[Query], emitted: &Emitted) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for Query { expression, texts } in queries {
        let (series, grouped) = parse(expression);
        assert!(!series.is_empty(), "no series in {expression}");
        let mut known = BTreeSet::new();
        for (name, labels) in series {
            let has = emitted.get(&name).unwrap_or_else(|| panic!("`{name}` is not emitted: {expression}"));
            for label in labels {
                assert!(has.contains(&label), "`{name}` has no label `{label}`: {expression}");
            }
            known.extend(has.clone());
            used.insert(name);
        }
        for label in &grouped {
            assert!(known.contains(label), "no series has the label `{label}`: {expression}");
        }
        for label in texts.iter().flat_map(|text| labels_of(text)) {
            let survives = grouped.is_empty() || grouped.contains(&label);
            assert!(known.contains(&label) && survives, "`{label}` is not there to be shown: {expression}");
        }
    }
    used
}

#[tokio::test(start_paused = true)]
async fn the_dashboard_shows_what_is_emitted_and_all_of_it() {
    let emitted = emitted().await;
    let queries = dashboard();
    assert!(queries.len() > 25, "{}", queries.len());
    let used = check(&queries, &emitted);
    let families = |names: &BTreeSet<String>| -> BTreeSet<String> {
        let part = |name: &String| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| name.strip_suffix(part))
                .unwrap_or(name)
                .to_owned()
        };
        names.iter().map(part).collect()
    };
    let all = emitted.keys().cloned().collect();
    assert_eq!(families(&used), families(&all), "every instrument has its place");
}

#[tokio::test(start_paused = true)]
async fn the_alerts_are_on_what_is_emitted() {
    let queries = alerts();
    assert_eq!(queries.len(), read("alerts.yaml").matches("- alert:").count());
    check(&queries, &emitted().await);
    // Promtool runs this file; this test checks that it is complete.
    let tests = read("alerts.test.yaml");
    for line in read("alerts.yaml").lines() {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            let marker = format!("alertname: {alert}\n");
            let expected: Vec<_> = tests.split(&marker).skip(1).map(str::trim_start).collect();
            let calm = expected.iter().filter(|rest| rest.starts_with("exp_alerts: []")).count();
            assert!(calm > 0 && calm < expected.len(), "{alert}: firing, and not: {calm} of {expected:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn autoscaling_is_by_what_is_emitted() {
    let file = read("autoscaling.yaml");
    let queries: Vec<_> = file
        .lines()
        .filter_map(|line| line.trim().strip_prefix("query: "))
        .map(|expression| Query { expression: expression.into(), texts: Vec::new() })
        .collect();
    assert_eq!(queries.len(), file.matches("- type: prometheus").count());
    check(&queries, &emitted().await);
}

#[test]
fn the_page_for_people_lists_every_instrument_with_every_attribute() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../atrion/manual/telemetry.md");
    let page = std::fs::read_to_string(page).unwrap();
    for instrument in INSTRUMENTS {
        let quoted = format!("`{}`", instrument.name);
        let line = page.lines().find(|line| line.starts_with('|') && line.contains(&quoted));
        let line = line.unwrap_or_else(|| panic!("{quoted} is not on the page"));
        for attribute in instrument.attributes.iter().filter(|name| **name != "atrion.instance") {
            assert!(line.contains(&format!("`{attribute}`")), "{attribute} of {quoted}");
        }
    }
}

#[test]
fn a_query_is_taken_apart() {
    let (series, grouped) =
        parse(r#"sum by (a, le) (rate(atrion_x_bucket{b="y z",c!~"$v"}[5m])) / atrion_y > 0"#);
    assert_eq!(
        series,
        [("atrion_x_bucket".into(), vec!["b".into(), "c".into()]), ("atrion_y".to_owned(), vec![])]
    );
    assert_eq!(grouped, ["a", "le"]);
    assert_eq!(labels_of("{{ a }} and {{b}} of {{ $value | f }}"), ["a", "b"]);
}

#[test]
#[should_panic(expected = "has no label `nonsense`")]
fn a_label_that_is_not_emitted_is_found() {
    let emitted = Emitted::from([("atrion_x".into(), BTreeSet::from(["a".into()]))]);
    check(&[Query { expression: "atrion_x{nonsense=\"1\"}".into(), texts: vec![] }], &emitted);
}
