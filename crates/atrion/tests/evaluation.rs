// SPDX-License-Identifier: Apache-2.0
//! An evaluation of a cluster needs no key of the vendor, and the log says that it is one.
#![cfg(all(feature = "development-keys", feature = "redis"))]
#![allow(clippy::unwrap_used)] // tests speak as tests do

use std::sync::{Arc, Mutex};

use atrion::cluster::redis::RedisClusterProvider;
use atrion::license::{Tier, development};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Every line with its level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push((*event.metadata().level(), message.0));
    }
}

#[test]
fn a_development_key_opens_a_cluster_and_the_log_warns_of_it() {
    let lines = Lines::default();
    let provider =
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), || {
            let key = development::key(Tier::Pro).unwrap();
            RedisClusterProvider::builder().url("redis://127.0.0.1:1").license(key).build().unwrap()
        });
    assert!(provider.is_licensed());
    let lines = lines.0.lock().unwrap();
    let warned = |(level, line): &(Level, String)| *level == Level::WARN && line.contains("development key");
    assert!(lines.iter().any(warned), "{lines:?}");
}
