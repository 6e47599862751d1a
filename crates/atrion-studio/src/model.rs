// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What Studio knows at this moment, as browsers are told it: everything to a newcomer, changes to
//! the others.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use atrion_state::RouteId;
use serde_json::{Value, json};

use crate::curves::{Curves, Sample};
use crate::frame::{COLUMNS, Row};
use crate::leases;
use crate::source::{Callee, Node, Observed, Sighting};

/// The routes and what is around them.
#[derive(Debug)]
pub(crate) struct Model {
    index: HashMap<RouteId, u32>,
    routes: HashMap<u32, Known>,
    next: u32,
    curves: Curves,
    at_ms: u64,
    /// Requests per second of all routes together, admitted and shed by tier, at every look.
    totals: VecDeque<(u64, [f32; 10])>,
    /// Stores, overrides and fleet as they were last told.
    around: Value,
}

#[derive(Debug)]
struct Known {
    sighting: Sighting,
    row: Row,
    /// The number of the gate of its group.
    group: Option<u32>,
    /// The look in which it was last seen.
    seen: u64,
}

/// The news of one look: messages to publish, by event.
#[derive(Debug, Default)]
pub(crate) struct Update {
    pub(crate) frame: String,
    pub(crate) around: Option<Value>,
}

/// Points of the small curve of a route in the table.
const SPARK: usize = 60;
/// Looks in the curve of all routes together.
const TOTALS: usize = 300;

impl Model {
    pub(crate) fn new(history_mib: usize) -> Self {
        Self {
            index: HashMap::new(),
            routes: HashMap::new(),
            next: 0,
            curves: Curves::new(history_mib),
            at_ms: 0,
            totals: VecDeque::new(),
            around: Value::Null,
        }
    }

    /// Takes in a look. `around` is everything but the routes.
    pub(crate) fn take(&mut self, routes: Vec<Sighting>, around: Value, at_ms: u64) -> Update {
        let seconds = if self.at_ms == 0 { 0.0 } else { at_ms.saturating_sub(self.at_ms) as f64 / 1e3 };
        // The time names the look: two looks in one millisecond get different ones.
        let at_ms = at_ms.max(self.at_ms + 1);
        self.at_ms = at_ms;
        let (mut new, mut groups, mut open, mut rows) = (Vec::new(), Vec::new(), Vec::new(), String::new());
        // All numbers first: a route may stand before its group.
        for Sighting { route, .. } in &routes {
            if !self.index.contains_key(route) {
                new.push(json!([self.number(route), route.as_str()]));
            }
        }
        for sighting in routes {
            let Some(number) = self.index.get(&sighting.route).copied() else { continue };
            let known = self.routes.get(&number);
            let group = sighting.group.as_ref().and_then(|group| self.index.get(group)).copied();
            let row = Row::of(&sighting, known.map(|known| &known.sighting), seconds);
            if known.is_some_and(|known| known.group != group) || known.is_none() && group.is_some() {
                groups.push(json!([number, group]));
            }
            open.extend(told(number, &sighting));
            if known.is_none_or(|known| known.row != row) {
                if !rows.is_empty() {
                    rows.push(',');
                }
                row.write(number, &mut rows);
            }
            self.curves.push(number, Sample { at_ms, row });
            self.routes.insert(number, Known { sighting, row, group, seen: at_ms });
        }
        let gone = self.forget_what_is_gone();
        self.sum_up();
        let [new, groups, open] = [new, groups, open].map(Value::from);
        let frame = format!(
            r#"{{"t":{at_ms},"new":{new},"gone":{gone},"groups":{groups},"open":{open},"rows":[{rows}]}}"#
        );
        Update { frame, around: self.take_around(around) }
    }

    /// Takes in what is around the routes, and gives it back if it has changed.
    pub(crate) fn take_around(&mut self, around: Value) -> Option<Value> {
        if around == self.around {
            return None;
        }
        self.around = around.clone();
        Some(around)
    }

    fn number(&mut self, route: &RouteId) -> u32 {
        let number = self.next;
        self.next += 1;
        self.index.insert(route.clone(), number);
        number
    }

    fn forget_what_is_gone(&mut self) -> Value {
        let at_ms = self.at_ms;
        let gone: Vec<u32> =
            self.routes.iter().filter(|(_, known)| known.seen != at_ms).map(|(number, _)| *number).collect();
        for number in &gone {
            self.curves.forget(*number);
            if let Some(known) = self.routes.remove(number) {
                self.index.remove(&known.sighting.route);
            }
        }
        gone.into()
    }

    fn sum_up(&mut self) {
        let mut sum = [0.0; 10];
        for known in self.routes.values().filter(|known| !known.row.is_group()) {
            for (total, rate) in sum.iter_mut().zip(known.row.rates()) {
                *total += rate;
            }
        }
        if self.totals.len() >= TOTALS {
            self.totals.pop_front();
        }
        self.totals.push_back((self.at_ms, sum));
    }

    /// Everything, for a browser that knows nothing yet.
    pub(crate) fn state(&self, about: &Value) -> String {
        let mut names = serde_json::Map::new();
        let (mut rows, mut sparks) = (String::new(), String::new());
        let (mut groups, mut open) = (Vec::new(), Vec::new());
        for (number, known) in &self.routes {
            groups.extend(known.group.map(|group| json!([number, group])));
            open.extend(told(*number, &known.sighting));
            names.insert(number.to_string(), known.sighting.route.as_str().into());
            if !rows.is_empty() {
                rows.push(',');
            }
            known.row.write(number, &mut rows);
            self.write_spark(*number, &mut sparks);
        }
        let (names, columns) = (Value::Object(names), json!(COLUMNS));
        let (groups, open) = (Value::from(groups), Value::from(open));
        let mut totals = String::new();
        for (at_ms, sum) in &self.totals {
            let comma = if totals.is_empty() { "" } else { "," };
            let _ = write!(totals, "{comma}[{at_ms}");
            for rate in sum {
                let _ = write!(totals, ",{:.1}", rate);
            }
            totals.push(']');
        }
        format!(
            r#"{{"t":{},"about":{about},"around":{},"columns":{columns},"names":{names},"groups":{groups},"open":{open},"rows":[{rows}],"sparks":{{{sparks}}},"totals":[{totals}]}}"#,
            self.at_ms, self.around
        )
    }

    fn write_spark(&self, number: u32, out: &mut String) {
        let mut points: Vec<f32> =
            self.curves.of(number).rev().take(SPARK).map(|sample| sample.row.resistance().round()).collect();
        if points.is_empty() {
            return;
        }
        points.reverse();
        let comma = if out.is_empty() { "" } else { "," };
        let _ = write!(out, "{comma}\"{number}\":[");
        for (at, point) in points.iter().enumerate() {
            let _ = write!(out, "{}{point}", if at == 0 { "" } else { "," });
        }
        out.push(']');
    }

    /// The curves of a route: rows, each after its time.
    pub(crate) fn history_of(&self, name: &str) -> Option<String> {
        let id = RouteId::new(name).ok()?;
        let number = *self.index.get(&id)?;
        let mut rows = String::new();
        for Sample { at_ms, row } in self.curves.of(number) {
            if !rows.is_empty() {
                rows.push(',');
            }
            row.write(at_ms, &mut rows);
        }
        Some(format!(r#"{{"columns":{},"rows":[{rows}]}}"#, json!(COLUMNS)))
    }
}

/// An open breaker, with what is known of it.
fn told(number: u32, sighting: &Sighting) -> Option<Value> {
    let outage = sighting.outage?;
    let seconds = outage.lasted.as_secs();
    Some(json!([number, seconds, outage.failures_in_a_row, outage.probes, outage.probes_failed]))
}

/// Everything but the routes of a look, as browsers are told it.
pub(crate) fn around(observed: &Observed, overrides: Value, license: Value, now_ms: u64) -> Value {
    let stores: Vec<Value> = observed
        .stores
        .iter()
        .map(|store| {
            json!({
                "name": store.name, "trouble": store.trouble, "nodes": store.nodes,
                // In whole seconds: a lag below one is none.
                "lagS": store.lag.map(|lag| lag.as_secs()),
            })
        })
        .collect();
    let nodes: Vec<Value> = observed.nodes.iter().map(node).collect();
    let callees: Vec<Value> = observed.callees.iter().map(callee).collect();
    let leases = leases::told(&observed.leases, &observed.lost_leases, now_ms);
    json!({
        "stores": stores, "overrides": overrides, "leases": leases, "license": license, "nodes": nodes,
        "callees": callees,
        "gamma": observed.gamma, "stalled": observed.stalled,
    })
}

fn callee(callee: &Callee) -> Value {
    let nodes: Vec<Value> = callee
        .nodes
        .iter()
        .map(|node| {
            json!({
                "name": node.node, "here": node.is_here, "offered": round(node.offered),
                "inFlight": round(node.in_flight), "part": node.part.map(round),
            })
        })
        .collect();
    let fleet = callee.share.map(|share| {
        json!({ "inForce": share.in_force, "limit": round(share.target), "inFlight": round(share.in_flight), "cut": round(share.cut.get()) })
    });
    json!({ "route": callee.route.as_str(), "fleet": fleet, "nodes": nodes })
}

/// To what a person can see.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn node(node: &Node) -> Value {
    let cells: Vec<Value> = node
        .cells
        .iter()
        .map(|cell| {
            json!({
                "route": cell.route.as_str(), "scar": round(cell.scar), "merged": cell.merged.map(round),
                "resistance": round(cell.resistance), "mode": cell.mode.as_str(), "ageS": round(cell.age.as_secs_f64()),
            })
        })
        .collect();
    json!({ "name": node.name, "here": node.is_here, "silenceS": round(node.silence.as_secs_f64()), "cells": cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(name: &str, admitted: u64) -> Sighting {
        let (terms, route) = ([10.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0], RouteId::new(name).unwrap());
        Sighting { terms, in_flight: 1.0, admitted: [admitted, 0, 0, 0, 0], ..Sighting::calm(route) }
    }

    fn frame(model: &mut Model, routes: Vec<Sighting>, at_ms: u64) -> Value {
        serde_json::from_str(&model.take(routes, Value::Null, at_ms).frame).unwrap()
    }

    #[test]
    fn only_what_changes_is_told() {
        let mut model = Model::new(1);
        let first = frame(&mut model, vec![sighting("a", 0), sighting("b", 0)], 1_000);
        assert_eq!(
            (&first["new"], first["rows"].as_array().unwrap().len()),
            (&json!([[0, "a"], [1, "b"]]), 2)
        );
        let second = frame(&mut model, vec![sighting("a", 0), sighting("b", 30)], 2_000);
        assert_eq!(
            (&second["new"], &second["rows"][0][0], &second["rows"][0][15]),
            (&json!([]), &json!(1), &json!(30))
        );
        let third = frame(&mut model, vec![sighting("b", 60)], 3_000);
        assert_eq!((&third["gone"], &third["rows"]), (&json!([0]), &json!([])));
        // A name that comes back is new, with a number of its own.
        let fourth = frame(&mut model, vec![sighting("a", 5), sighting("b", 90)], 4_000);
        assert_eq!(fourth["new"], json!([[2, "a"]]));
    }

    #[test]
    fn a_request_that_two_gates_have_seen_is_counted_once() {
        let mut model = Model::new(1);
        let group = RouteId::new("@pool").unwrap();
        let route =
            |name: &str, admitted| Sighting { group: Some(group.clone()), ..sighting(name, admitted) };
        let look = |model: &mut Model, admitted, at_ms| {
            // A route may stand before its group.
            let routes = vec![route("!", admitted), sighting("@pool", 2 * admitted), route("a", admitted)];
            frame(model, routes, at_ms)
        };
        let first = look(&mut model, 0, 1_000);
        assert_eq!(first["new"], json!([[0, "!"], [1, "@pool"], [2, "a"]]));
        assert_eq!(first["groups"], json!([[0, 1], [2, 1]]), "the number of the gate");
        assert_eq!(look(&mut model, 30, 2_000)["groups"], json!([]));
        let state: Value = serde_json::from_str(&model.state(&json!({}))).unwrap();
        assert_eq!(state["groups"].as_array().unwrap().len(), 2);
        let (_, sum) = model.totals.back().unwrap();
        assert!((sum[0] - 60.0).abs() < 0.1, "{sum:?}");
    }

    #[test]
    fn a_newcomer_gets_everything_whatever_a_route_is_called() {
        let mut model = Model::new(1);
        let hostile = "</script><img src=x onerror=alert(1)>\"\\'\u{2028}";
        for at in 1..=100 {
            frame(&mut model, vec![sighting(hostile, at)], at * 1_000);
        }
        let state: Value = serde_json::from_str(&model.state(&json!({ "epoch": "e" }))).unwrap();
        assert_eq!((&state["names"]["0"], &state["about"]["epoch"]), (&json!(hostile), &json!("e")));
        assert_eq!(state["rows"][0].as_array().unwrap().len(), COLUMNS.len() + 1);
        assert_eq!(state["sparks"]["0"].as_array().unwrap().len(), SPARK);
        let history: Value = serde_json::from_str(&model.history_of(hostile).unwrap()).unwrap();
        assert_eq!((history["rows"].as_array().unwrap().len(), &history["rows"][0][0]), (100, &json!(1_000)));
        assert!(model.history_of("other").is_none() && model.history_of("").is_none());
    }
}
