// SPDX-License-Identifier: Apache-2.0
//! An event in words and as data: the one place where events become text that people read.
//!
//! The log of the engine writes fields and no sentences, so it has a rendering of its own.

use atrion_core::Mode;
use atrion_state::{Event, RecordingEnd};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::model::override_name;

/// An event in words and as data, without a time and a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EventText {
    /// A stable name: `mode_changed`, `shedding_started`, …
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The route, where the event is about one.
    pub route: Option<String>,
    /// In words.
    pub text: String,
    /// As data; the fields depend on the kind.
    pub details: Map<String, Value>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EventView {
    /// Counts the events of a log, from 1.
    pub number: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened. Its fields stand beside the number in JSON.
    #[serde(flatten)]
    pub event: EventText,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is shed, degraded or overridden by hand.
    Warning,
    /// Something was refused, or a breaker opened.
    Error,
}

impl EventText {
    /// Renders an event; `None` for an event that comes with every pulse.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        use Severity::{Error, Info, Warning};

        let (kind, severity, route, text, details) = match event {
            Event::ModeChanged { route, from, to, resistance } => {
                return Some(Self::mode_changed(route.as_str(), Some(*from), *to, Some(resistance.get())));
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
                let text = format!(
                    "{refused} requests for routes beyond the bound of {limit} share the overflow route"
                );
                ("routes_overflowed", Warning, None, text, json!({ "limit": limit, "refused": refused }))
            }
            Event::RecordingEnded { route, pulses, end } => {
                let severity = if matches!(end, RecordingEnd::Failed(_)) { Warning } else { Info };
                let text = format!("recording of {pulses} pulses ended: {end}");
                let details = json!({ "pulses": pulses, "end": end.to_string() });
                ("recording_ended", severity, Some(route), text, details)
            }
            Event::LeaseEnded { route, lease, owner, end, lasted } => {
                let seconds = lasted.as_secs_f64();
                let text = format!("lease {lease} of \"{owner}\" ended after {seconds:.0} s: {end}");
                let details =
                    json!({ "lease": lease, "owner": &**owner, "end": end.to_string(), "lasted_s": seconds });
                ("lease_ended", Warning, Some(route), text, details)
            }
            Event::PulseStalled { lasted } => {
                let seconds = lasted.as_secs_f64();
                let text =
                    format!("no pulse for {seconds:.1} s: nothing is learned, and little is protected");
                ("pulse_stalled", Error, None, text, json!({ "lasted_s": seconds }))
            }
            Event::PulseResumed { absent } => {
                let seconds = absent.as_secs_f64();
                let text = format!("the pulse is back after {seconds:.1} s");
                ("pulse_resumed", Warning, None, text, json!({ "absent_s": seconds }))
            }
            Event::EntriesUnmatched { entries } => {
                let names = entries.join(", ");
                let text = format!("no route has matched these entries of the configuration: {names}");
                ("entries_unmatched", Warning, None, text, json!({ "entries": &**entries }))
            }
            Event::SignalLost { signal, fault } => {
                let text =
                    format!("the signal {signal} has no number ({fault}): it adds nothing until it has one");
                (
                    "signal_lost",
                    Warning,
                    None,
                    text,
                    json!({ "signal": signal.as_str(), "fault": fault.as_str() }),
                )
            }
            Event::SignalRecovered { signal, outage } => {
                let seconds = outage.as_secs_f64();
                let text = format!("the signal {signal} has a number again after {seconds:.1} s");
                let details = json!({ "signal": signal.as_str(), "outage_s": seconds });
                ("signal_recovered", Info, None, text, details)
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
                (
                    "node_lost",
                    Warning,
                    None,
                    format!("node {node} is heard through {provider} no more"),
                    details,
                )
            }
            Event::DuplicateIdentity { provider, node, renamed } => {
                let text =
                    format!("another node writes as {node} in {provider}; this one goes on as {renamed}");
                let details =
                    json!({ "provider": provider, "node": node.as_str(), "renamed": renamed.as_str() });
                ("duplicate_identity", Error, None, text, details)
            }
            Event::LicenseChanged { provider, message, .. } => {
                let details = json!({ "provider": provider, "message": &**message });
                ("license_changed", Info, None, format!("{provider}: {message}"), details)
            }
            _ => return None,
        };
        let route = route.map(|route| route.as_str().to_owned());
        Some(Self { kind, severity, route, text, details: object(details) })
    }

    /// Renders a change of mode, from whatever source it is known.
    ///
    /// `from` is `None` where the mode before is not known. `resistance` is R at the change, in
    /// ohms.
    #[must_use]
    pub fn mode_changed(
        route: impl Into<String>,
        from: Option<Mode>,
        to: Mode,
        resistance: Option<f64>,
    ) -> Self {
        let severity = if to == Mode::CircuitBreaker { Severity::Error } else { Severity::Info };
        let mut text = match from {
            Some(from) => format!("{} → {}", words(from), words(to)),
            None => format!("{}, as it is first heard of", words(to)),
        };
        let mut details = object(json!({ "from": from.map(Mode::as_str), "to": to.as_str() }));
        if let Some(ohms) = resistance {
            text.push_str(&format!(" at {ohms:.1} Ω"));
            details.insert("resistance_ohm".to_owned(), ohms.into());
        }
        Self { kind: "mode_changed", severity, route: Some(route.into()), text, details }
    }

    pub(super) fn lost(events: u64) -> Self {
        Self {
            kind: "events_lost",
            severity: Severity::Warning,
            route: None,
            text: format!("{events} events were lost: more came at once than are kept"),
            details: object(json!({ "lost": events })),
        }
    }

    /// Says on which node it happened: before the text, and as the detail `node`.
    #[must_use]
    pub fn on_node(mut self, node: &str) -> Self {
        self.text.insert_str(0, &format!("{node}: "));
        self.detail("node", node)
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
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

    #[test]
    fn an_event_of_every_pulse_has_no_text() {
        let pulse = Event::PulseFinished { duration: std::time::Duration::ZERO, routes: 1, dirty: 0 };
        assert_eq!(EventText::of(&pulse), None);
    }

    #[test]
    fn a_pulse_that_is_away_and_an_entry_that_nothing_matches_are_told_in_words() {
        let second = std::time::Duration::from_millis(1_500);
        let entries: std::sync::Arc<[String]> = vec!["a/*".to_owned(), "b".to_owned()].into();
        for (event, kind, text) in [
            (
                Event::PulseStalled { lasted: second },
                "pulse_stalled",
                "no pulse for 1.5 s: nothing is learned, and little is protected",
            ),
            (Event::PulseResumed { absent: second }, "pulse_resumed", "the pulse is back after 1.5 s"),
            (
                Event::EntriesUnmatched { entries },
                "entries_unmatched",
                "no route has matched these entries of the configuration: a/*, b",
            ),
        ] {
            let told = EventText::of(&event).unwrap();
            assert_eq!((told.kind, told.text.as_str()), (kind, text));
        }
    }

    #[test]
    fn a_change_of_mode_says_what_is_known_of_it() {
        let (from, to) = (Some(Mode::Operational), Mode::CircuitBreaker);
        let here = EventText::mode_changed("r", from, to, Some(100.04));
        assert_eq!(
            (here.text.as_str(), here.severity),
            ("operational → breaker open at 100.0 Ω", Severity::Error)
        );
        let there = EventText::mode_changed("r", None, Mode::Bootstrap, None).on_node("pod-1");
        assert_eq!(there.text, "pod-1: learning, as it is first heard of");
        let details = json!({ "node": "pod-1", "from": null, "to": "bootstrap" });
        assert_eq!((there.severity, Value::Object(there.details)), (Severity::Info, details));
    }
}
