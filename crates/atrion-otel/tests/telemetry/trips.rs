// SPDX-License-Identifier: Apache-2.0
//! Trips to the store have spans of their own, with stable names, outside of the spans of requests.

use std::sync::{Arc, Mutex};

use atrion_core::{Outcome, Tier};
use atrion_engine::Atrion;
use atrion_testkit::TokioClock;
use tokio::time::sleep;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::support::ms;

#[derive(Clone, Default)]
struct Opened(Arc<Mutex<Vec<(&'static str, bool)>>>);

impl<S: tracing::Subscriber> Layer<S> for Opened {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if span.metadata().target() == "atrion" {
            self.0.lock().unwrap().push((span.metadata().name(), span.is_root()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_and_a_pull_are_spans_without_a_parent() {
    let opened = Opened::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(opened.clone()));
    let atrion = Atrion::builder().clock(Arc::new(TokioClock::new())).connect().await.unwrap();
    let request = tracing::info_span!("a request").entered();
    atrion.route("r").admit(Tier::Normal).unwrap().finish(Outcome::Success);
    drop(request);
    sleep(ms(2_000)).await;
    let opened = opened.0.lock().unwrap();
    for name in ["atrion.state.push", "atrion.state.pull"] {
        assert!(opened.contains(&(name, true)), "{name} is not in {opened:?}");
    }
    assert!(opened.iter().all(|(_, is_root)| *is_root));
}
