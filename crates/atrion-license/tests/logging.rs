// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the log of a process has, when several adapters watch one license.
#![cfg(feature = "tracing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

#[path = "support/keys.rs"]
mod keys;

use std::sync::{Arc, Mutex};

use atrion_license::{LicenseId, Sources, UnixTime, Watch};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use keys::{HOUR, ISSUED, contract, non_production, sign};

/// The level and the topic of every line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct TopicOf(String);

impl Visit for TopicOf {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "topic" {
            self.0 = value.to_owned();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        assert_eq!(event.metadata().target(), "atrion::license");
        let mut topic = TopicOf(String::new());
        event.record(&mut topic);
        self.0.lock().unwrap().push((*event.metadata().level(), topic.0));
    }
}

/// What is logged while the watches of these numbers poll, one after the other, at these moments.
fn logged(watches: &mut [Watch], turns: &[(usize, UnixTime)]) -> Vec<(Level, String)> {
    let lines = Lines::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), || {
        for (number, now) in turns {
            watches[*number].poll(*now).iter().for_each(|signal| signal.log());
        }
    });
    let lines = lines.0.lock().unwrap();
    lines.clone()
}

#[test]
fn a_license_is_logged_once_however_many_adapters_use_it() {
    let mut terms = non_production(contract());
    terms.id = LicenseId::from_parts(3, [6; 10]);
    let watch = || Watch::from(sign(&terms));
    let mut adapters = [watch(), watch(), watch()];
    let once = [
        (Level::INFO, "licensed".to_owned()),
        (Level::WARN, "non_production".to_owned()),
        (Level::WARN, "development_key".to_owned()),
    ];
    assert_eq!(logged(&mut adapters, &[(0, ISSUED), (1, ISSUED), (2, ISSUED.plus(1))]), once);
}

#[test]
fn a_repetition_is_logged_by_one_adapter_and_by_another_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let watch = || Watch::from(Sources::file(folder.path().join("license.key")));
    let mut both = [watch(), watch()];
    let half = |number: i64| ISSUED.plus(number * HOUR / 2);
    let unlicensed = |lines: Vec<(Level, String)>| {
        assert!(lines.iter().all(|line| *line == (Level::ERROR, "unlicensed".to_owned())), "{lines:?}");
        lines.len()
    };
    // In turn, each every hour: one line an hour.
    let said = logged(&mut both, &[(0, half(0)), (1, half(1))]);
    assert_eq!(unlicensed(said), 1);
    let said = logged(&mut both, &[(0, half(2)), (1, half(3))]);
    assert_eq!(unlicensed(said), 1);
    // The first is gone.
    let said = logged(&mut both, &[(1, half(5)), (1, half(6)), (1, half(7))]);
    assert_eq!(unlicensed(said), 2);
}
