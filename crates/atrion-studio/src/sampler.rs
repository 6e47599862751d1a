// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The task that looks: at the routes once or twice a second, at events four times, at the licence once a minute. All
//! that browsers see comes from here, so a hundred of them cost the service no more looks than one.

use std::sync::Arc;
use std::time::Duration;

use atrion_license::UnixTime;
use atrion_state::{Clock as _, SystemClock, lock};
use atrion_tower::api::{EventView, RefusalView};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::model;
use crate::studio::Shared;

/// Between two looks at events.
const BEAT: Duration = Duration::from_millis(250);
const LICENSE_EVERY: Duration = Duration::from_secs(60);
/// Events that are told in one beat; of more, the latest. The others are in the export.
const EVENTS_A_BEAT: usize = 100;

/// What has been told already.
#[derive(Debug, Default)]
pub(crate) struct Told {
    events: u64,
    refusals: u64,
}

/// Looks until it is told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut beat = tokio::time::interval(BEAT.min(shared.config.interval));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut told = Told::default();
    let (mut next_look, mut next_license) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            // The sender is gone when the handle is.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = Instant::now();
        if now >= next_license {
            next_license = now + LICENSE_EVERY;
            shared.gate.poll(unix_now());
        }
        if now >= next_look {
            next_look = (next_look + shared.config.interval).max(now);
            look(&shared);
        }
        if shared.hub.is_watched() {
            tell(&shared, &mut told);
        }
    }
}

/// One look at everything.
pub(crate) fn look(shared: &Shared) {
    let at_ms = SystemClock.wall().as_millis();
    let observed = shared.source.look();
    let minutes = shared.config.kept_minutes;
    if let Some(memory) = shared.source.memory().filter(|_| minutes > 0) {
        memory.tend(&observed.routes, Duration::from_secs(60 * u64::from(minutes)));
    }
    let overrides = shared.authors.view(&observed.overrides, at_ms);
    let around = model::around(&observed, overrides, shared.gate.view(unix_now()));
    let changes = lock(&shared.model).take(observed.routes, around, at_ms);
    if shared.hub.is_watched() {
        shared.hub.publish("frame", &changes.frame);
        if let Some(around) = changes.around {
            shared.hub.publish("around", &around.to_string());
        }
    }
}

/// A look at what is around the routes alone, so that a change by hand is seen at once. Rates need a whole interval.
pub(crate) fn look_around(shared: &Shared) {
    let at_ms = SystemClock.wall().as_millis();
    let observed = shared.source.look();
    let overrides = shared.authors.view(&observed.overrides, at_ms);
    let around = model::around(&observed, overrides, shared.gate.view(unix_now()));
    if let Some(around) = lock(&shared.model).take_around(around)
        && shared.hub.is_watched()
    {
        shared.hub.publish("around", &around.to_string());
    }
}

fn tell(shared: &Shared, told: &mut Told) {
    if let Some(page) = shared.source.events_after(told.events)
        && page.next != told.events
    {
        told.events = page.next;
        let skipped = page.events.len().saturating_sub(EVENTS_A_BEAT);
        let list = &page.events[skipped..];
        let lost = page.lost + skipped as u64;
        shared.hub.publish("events", &json!({ "list": list, "lost": lost }).to_string());
    }
    let refusals = shared.source.refusals_after(told.refusals);
    if let Some(last) = refusals.last() {
        told.refusals = last.number;
        shared.hub.publish("refusals", &json!({ "list": refusals }).to_string());
    }
}

/// Everything, for a browser that knows nothing.
pub(crate) fn state(shared: &Shared) -> String {
    let events = shared.source.events_after(0).map(|page| page.events).unwrap_or_default();
    let refusals = shared.source.refusals_after(0);
    let about = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "node": shared.config.node,
        "cluster": shared.config.cluster,
        "overrides": shared.may_change(),
        "history": shared.past.name(),
        "intervalMs": u64::try_from(shared.config.interval.as_millis()).unwrap_or(u64::MAX),
        "events": latest::<EventView>(&events, 500),
        "refusals": latest::<RefusalView>(&refusals, 200),
        "ladder": atrion_core::Tier::ALL.map(|tier| json!([tier.as_str(), tier.band().0, tier.band().1])),
    });
    lock(&shared.model).state(&about)
}

fn latest<T>(list: &[T], count: usize) -> &[T] {
    &list[list.len().saturating_sub(count)..]
}

pub(crate) fn unix_now() -> UnixTime {
    let seconds = SystemClock.wall().as_millis() / 1_000;
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}
