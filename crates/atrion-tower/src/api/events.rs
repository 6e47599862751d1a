// SPDX-License-Identifier: Apache-2.0
//! The latest events, numbered, in words and as data.

use std::collections::VecDeque;
use std::sync::{Mutex, Weak};

use atrion_core::Mode;
use atrion_engine::{Events, Received};
use atrion_state::{Event, RecordingEnd, lock};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::model::{override_name, wall};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EventView {
    /// Counts the events of an instance, from 1.
    pub number: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// A stable name: `mode_changed`, `shedding_started`, …
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The route, where it is about one.
    pub route: Option<String>,
    /// In words.
    pub text: String,
    /// As data; which fields there are depends on the kind.
    pub details: Map<String, Value>,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is shed, degraded or taken over by hand.
    Warning,
    /// Something was refused, or a breaker opened.
    Error,
}

/// Events, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<EventView>,
    /// Give it as `after` to get what comes later.
    pub next: u64,
    /// So many events after the one that was named are remembered no more.
    pub lost: u64,
}

impl EventView {
    /// An event of somebody's own, for those who show events from elsewhere in the same way.
    #[must_use]
    pub fn new(
        number: u64,
        at_ms: u64,
        kind: &'static str,
        severity: Severity,
        route: Option<String>,
        text: String,
        details: Map<String, Value>,
    ) -> Self {
        Self { number, at_ms, kind, severity, route, text, details }
    }
}

impl EventPage {
    /// Events of somebody's own, oldest first, and where to go on.
    #[must_use]
    pub fn new(events: Vec<EventView>, next: u64, lost: u64) -> Self {
        Self { events, next, lost }
    }
}

/// So many events are remembered.
const REMEMBERED: usize = 2_048;

#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<EventView>,
    /// The number of the latest event.
    latest: u64,
}

/// Remembers events until the log is gone or the instance has ended.
pub(super) async fn remember(log: Weak<Log>, mut events: Events) {
    while let Some(received) = events.next().await {
        let Some(log) = log.upgrade() else { return };
        log.add(match received {
            Received::Event(event) => describe(&event),
            Received::Lost(lost) => Some(Described {
                kind: "events_lost",
                severity: Severity::Warning,
                route: None,
                text: format!("{lost} events were lost: more came at once than are kept"),
                details: object(json!({ "lost": lost })),
            }),
            _ => None,
        });
    }
}

impl Log {
    fn add(&self, event: Option<Described>) {
        let Some(Described { kind, severity, route, text, details }) = event else { return };
        let mut ring = lock(&self.0);
        ring.latest += 1;
        let number = ring.latest;
        if ring.events.len() >= REMEMBERED {
            ring.events.pop_front();
        }
        ring.events.push_back(EventView { number, at_ms: wall(), kind, severity, route, text, details });
    }

    pub(super) fn after(&self, number: u64) -> EventPage {
        let ring = lock(&self.0);
        // A number of an earlier life is larger than any: that is a question for everything.
        let number = if number > ring.latest { 0 } else { number };
        let events: Vec<_> = ring.events.iter().filter(|event| event.number > number).cloned().collect();
        let first = events.first().map_or(number + 1, |event| event.number);
        EventPage { events, next: ring.latest, lost: first - number - 1 }
    }
}

struct Described {
    kind: &'static str,
    severity: Severity,
    route: Option<String>,
    text: String,
    details: Map<String, Value>,
}

/// `None` for what comes with every pulse.
fn describe(event: &Event) -> Option<Described> {
    use Severity::{Error, Info, Warning};

    let (kind, severity, route, text, details) = match event {
        Event::ModeChanged { route, from, to, resistance } => {
            let severity = if *to == Mode::CircuitBreaker { Error } else { Info };
            let ohms = resistance.get();
            let text = format!("{} → {} at {ohms:.1} Ω", words(*from), words(*to));
            let details = json!({ "from": from.as_str(), "to": to.as_str(), "resistance_ohm": ohms });
            ("mode_changed", severity, Some(route), text, details)
        }
        Event::SheddingStarted { route, resistance, shed, admitted } => {
            let ohms = resistance.get();
            let text =
                format!("shedding started at {ohms:.1} Ω: {shed} shed, {admitted} admitted in a pulse");
            let details = json!({ "resistance_ohm": ohms, "shed": shed, "admitted": admitted });
            ("shedding_started", Warning, Some(route), text, details)
        }
        Event::SheddingStopped { route, shed, admitted, lasted } => {
            let seconds = lasted.as_secs_f64();
            let text = format!("shedding stopped after {seconds:.1} s: {shed} shed, {admitted} admitted");
            let details = json!({ "lasted_s": seconds, "shed": shed, "admitted": admitted });
            ("shedding_stopped", Info, Some(route), text, details)
        }
        Event::ClusterShareStarted { route, own, cluster } => {
            let own = own.get();
            let text = format!("the fleet moves R by {cluster:+.1} Ω; own scar {own:.1} Ω");
            let details = json!({ "own_scar_ohm": own, "cluster_ohm": cluster });
            ("cluster_share_started", Info, Some(route), text, details)
        }
        Event::ClusterShareStopped { route, lasted } => {
            let seconds = lasted.as_secs_f64();
            let text = format!("the fleet moves R no more, after {seconds:.1} s");
            ("cluster_share_stopped", Info, Some(route), text, json!({ "lasted_s": seconds }))
        }
        Event::ProviderDegraded { provider, error } => {
            let text = format!("store {provider} fails, going on from memory: {error}");
            let details = json!({ "provider": provider, "error": error.to_string() });
            ("provider_degraded", Warning, None, text, details)
        }
        Event::ProviderRecovered { provider, outage } => {
            let seconds = outage.as_secs_f64();
            let text = format!("store {provider} works again after {seconds:.1} s");
            ("provider_recovered", Info, None, text, json!({ "provider": provider, "outage_s": seconds }))
        }
        Event::RoutesOverflowed { limit, refused } => {
            let text =
                format!("{refused} requests for routes beyond the bound of {limit} share the overflow route");
            ("routes_overflowed", Warning, None, text, json!({ "limit": limit, "refused": refused }))
        }
        Event::RecordingEnded { route, pulses, end } => {
            let severity = if matches!(end, RecordingEnd::Failed(_)) { Warning } else { Info };
            let text = format!("recording of {pulses} pulses ended: {end}");
            let details = json!({ "pulses": pulses, "end": end.to_string() });
            ("recording_ended", severity, Some(route), text, details)
        }
        Event::ConfigReplaced { generation } => {
            let text = format!("configuration {generation} is in force");
            ("config_replaced", Info, None, text, json!({ "generation": generation }))
        }
        Event::ConfigRejected { reason } => {
            let text = format!("configuration refused: {reason}");
            ("config_rejected", Error, None, text, json!({ "reason": &**reason }))
        }
        Event::OverrideSet { route, kind, reason, time_to_live } => {
            let (kind, seconds) = (override_name(*kind), time_to_live.as_secs_f64());
            let text = format!("{} for {seconds:.0} s: {reason}", kind.replace('_', " "));
            let details = json!({ "override": kind, "reason": &**reason, "time_to_live_s": seconds });
            ("override_set", Warning, Some(route), text, details)
        }
        Event::OverrideExpired { route, kind, lifted_by } => {
            let kind = override_name(*kind);
            let words = kind.replace('_', " ");
            let text = match lifted_by {
                Some(who) => format!("{words} lifted by {who}"),
                None => format!("{words} ended"),
            };
            let details = json!({ "override": kind, "lifted_by": lifted_by.as_deref() });
            ("override_ended", Info, Some(route), text, details)
        }
        Event::NodeJoined { provider, node } => {
            let details = json!({ "provider": provider, "node": node.as_str() });
            ("node_joined", Info, None, format!("node {node} is heard through {provider}"), details)
        }
        Event::NodeLost { provider, node } => {
            let details = json!({ "provider": provider, "node": node.as_str() });
            ("node_lost", Warning, None, format!("node {node} is heard through {provider} no more"), details)
        }
        Event::DuplicateIdentity { provider, node, renamed } => {
            let text = format!("another node writes as {node} in {provider}; this one goes on as {renamed}");
            let details = json!({ "provider": provider, "node": node.as_str(), "renamed": renamed.as_str() });
            ("duplicate_identity", Error, None, text, details)
        }
        Event::LicenseChanged { provider, message, .. } => {
            let details = json!({ "provider": provider, "message": &**message });
            ("license_changed", Info, None, format!("{provider}: {message}"), details)
        }
        _ => return None,
    };
    let route = route.map(|route| route.as_str().to_owned());
    Some(Described { kind, severity, route, text, details: object(details) })
}

fn words(mode: Mode) -> &'static str {
    match mode {
        Mode::Bootstrap => "learning",
        Mode::Operational => "operational",
        Mode::CircuitBreaker => "breaker open",
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(generation: u64) -> Option<Described> {
        describe(&Event::ConfigReplaced { generation })
    }

    #[test]
    fn events_are_numbered_bounded_and_say_what_is_lost() {
        let log = Log::default();
        assert_eq!(log.after(0), EventPage { events: vec![], next: 0, lost: 0 });
        for generation in 1..=3_000 {
            log.add(replaced(generation));
        }
        let page = log.after(10);
        assert_eq!((page.events.len(), page.next, page.lost), (REMEMBERED, 3_000, 3_000 - 2_048 - 10));
        let page = log.after(2_998);
        assert_eq!((page.events.len(), page.next, page.lost), (2, 3_000, 0));
        assert_eq!(log.after(3_000).events, []);
        // A cursor from before a restart gets everything.
        assert_eq!(log.after(1_000_000).events.len(), REMEMBERED);
    }

    #[test]
    fn what_comes_with_every_pulse_is_no_event_here() {
        let pulse = Event::PulseFinished { duration: std::time::Duration::ZERO, routes: 1, dirty: 0 };
        assert!(describe(&pulse).is_none());
    }
}
