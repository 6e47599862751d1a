// SPDX-License-Identifier: Apache-2.0
//! How events and figures are written: times in seconds, errors as their texts.

use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize as _, Serializer};

pub(crate) fn seconds<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64())
}

pub(crate) fn seconds_option<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.as_ref().map(Duration::as_secs_f64).serialize(to)
}

pub(crate) fn text<S: Serializer>(error: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(error)
}

/// The text of what went wrong; null if nothing did.
pub(crate) fn error<S: Serializer>(result: &Result<(), impl Display>, to: S) -> Result<S::Ok, S::Error> {
    result.as_ref().err().map(ToString::to_string).serialize(to)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atrion_core::{Mode, Ohms};
    use serde_json::{json, to_value};

    use super::*;
    use crate::{
        Event, Health, LicenseStanding, MessageDirection, OverrideKind, ProviderError, ProviderStats,
        RecordingEnd, RouteId, SyncOperation,
    };

    #[test]
    fn an_event_is_one_object_with_its_name_and_times_in_seconds() {
        let route = RouteId::new("api/a").unwrap();
        let error = Arc::new(ProviderError::Timeout { provider: "redis", after: Duration::from_secs(1) });
        let ran = Duration::from_millis(1_500);
        let cases = [
            (
                Event::ModeChanged {
                    route: route.clone(),
                    from: Mode::Operational,
                    to: Mode::CircuitBreaker,
                    resistance: Ohms::saturating(100.0),
                },
                json!({"event": "mode_changed", "route": "api/a", "from": "operational",
                       "to": "circuit_breaker", "resistance": 100.0}),
            ),
            (
                Event::OverrideSet {
                    route: route.clone(),
                    kind: OverrideKind::ForceOpen,
                    reason: "a move".into(),
                    time_to_live: ran,
                },
                json!({"event": "override_set", "route": "api/a", "kind": "force_open",
                       "reason": "a move", "time_to_live": 1.5}),
            ),
            (
                Event::SyncFinished {
                    provider: "redis",
                    operation: SyncOperation::Push,
                    duration: ran,
                    routes: 3,
                    result: Err(Arc::clone(&error)),
                },
                json!({"event": "sync_finished", "provider": "redis", "operation": "push",
                       "duration": 1.5, "routes": 3,
                       "error": "provider `redis` did not answer within 1s"}),
            ),
            (
                Event::RecordingEnded { route, pulses: 7, end: RecordingEnd::Failed("full".into()) },
                json!({"event": "recording_ended", "route": "api/a", "pulses": 7, "end": {"failed": "full"}}),
            ),
            (Event::PulseResumed { absent: ran }, json!({"event": "pulse_resumed", "absent": 1.5})),
        ];
        for (event, wanted) in cases {
            assert_eq!(to_value(&event).unwrap(), wanted);
        }
    }

    #[test]
    fn the_figures_of_a_provider_have_names() {
        let stats = ProviderStats::new("redis")
            .health(Health::Degraded { reason: "away".into() })
            .lag(Duration::from_millis(250))
            .nodes(3, 1)
            .rejected(MessageDirection::Received, "checksum", 2)
            .license(LicenseStanding::unlicensed());
        let wanted = json!({
            "provider": "redis",
            "health": {"state": "degraded", "reason": "away"},
            "lag": 0.25,
            "nodes": {"live": 3, "fading": 1},
            "messages": [
                {"direction": "received", "result": "rejected", "reason": "checksum", "count": 2}
            ],
            "license": {"id": null, "state": "unlicensed", "expires": null},
        });
        assert_eq!(to_value(&stats).unwrap(), wanted);
    }
}
