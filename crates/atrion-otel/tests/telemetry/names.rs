// SPDX-License-Identifier: Apache-2.0
//! Log lines have stable names and a stable target, for tools that route or count them.

use std::sync::{Arc, Mutex};

use atrion_core::{Mode, Ohms};
use atrion_engine::Atrion;
use atrion_state::{
    Event, LicenseStanding, LicenseState, OverrideKind, ProviderError, RouteId, SyncOperation,
};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::support::{fleet, ms};

#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Names {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == "atrion" {
            self.0.lock().unwrap().push(format!("{} {}", metadata.level(), metadata.name()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_has_a_line_with_a_static_name() {
    let fleet = fleet();
    let _atrion = Atrion::builder().provider(fleet.clone()).connect().await.unwrap();
    let names = Names::default();
    let (route, error) = (RouteId::new("r").unwrap(), Arc::new(ProviderError::rejected("redis", "told so")));
    let (resistance, lasted) = (Ohms::ZERO, ms(5));
    let license = |state| Event::LicenseChanged {
        provider: "redis",
        license: LicenseStanding::new("AL-1", state, None),
        message: "a test".into(),
    };
    let mode = |to| Event::ModeChanged { route: route.clone(), from: Mode::Bootstrap, to, resistance };
    let mut events = vec![
        mode(Mode::Operational),
        mode(Mode::CircuitBreaker),
        Event::SheddingStarted { route: route.clone(), resistance, shed: 1, admitted: 2 },
        Event::SheddingStopped { route: route.clone(), shed: 1, admitted: 2, lasted },
        Event::ProviderDegraded { provider: "redis", error: error.clone() },
        Event::ProviderRecovered { provider: "redis", outage: lasted },
        Event::RoutesOverflowed { limit: 1, refused: 1 },
        Event::ConfigReplaced { generation: 1 },
        Event::ConfigRejected { reason: "a test".into() },
        Event::OverrideSet {
            route: route.clone(),
            kind: OverrideKind::ForceOpen,
            reason: "a test".into(),
            time_to_live: lasted,
        },
        Event::OverrideExpired { route, kind: OverrideKind::ForceOpen, lifted_by: Some("ana".into()) },
        Event::SyncFinished {
            provider: "redis",
            operation: SyncOperation::Push,
            duration: lasted,
            routes: 1,
            result: Err(error),
        },
        Event::NodeJoined { provider: "redis", node: "a".parse().unwrap() },
        Event::NodeLost { provider: "redis", node: "a".parse().unwrap() },
        Event::DuplicateIdentity {
            provider: "redis",
            node: "a".parse().unwrap(),
            renamed: "a-1".parse().unwrap(),
        },
    ];
    events.extend(LicenseState::ALL.map(license));
    let subscriber = tracing_subscriber::registry().with(names.clone());
    with_default(subscriber, || assert!(events.iter().all(|event| fleet.tell(event))));
    assert_eq!(
        *names.0.lock().unwrap(),
        [
            "INFO atrion.mode.changed",
            "WARN atrion.mode.changed",
            "WARN atrion.shedding.started",
            "INFO atrion.shedding.stopped",
            "WARN atrion.provider.degraded",
            "INFO atrion.provider.recovered",
            "WARN atrion.routes.overflowed",
            "INFO atrion.config.replaced",
            "ERROR atrion.config.rejected",
            "WARN atrion.override.set",
            "INFO atrion.override.ended",
            "DEBUG atrion.sync.failed",
            "INFO atrion.node.joined",
            "WARN atrion.node.lost",
            "ERROR atrion.identity.duplicate",
            "INFO atrion.license.active",
            "WARN atrion.license.expiring",
            "WARN atrion.license.grace",
            "ERROR atrion.license.expired",
            "ERROR atrion.license.invalid",
            "WARN atrion.license.missing",
        ]
    );
}
