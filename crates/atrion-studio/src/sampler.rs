// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The task that samples: the routes every interval, events four times a second, the license once a
//! minute. All that browsers see comes from here, so a hundred browsers cost the service no more
//! looks than one.

use std::sync::Arc;
use std::time::Duration;

use atrion_state::{Clock as _, SystemClock, lock};
use atrion_tower::api::{EventView, RefusalView};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::license_view::unix_now;
use crate::model;
use crate::shared::Shared;

/// Between two looks at events.
const BEAT: Duration = Duration::from_millis(250);
const LICENSE_EVERY: Duration = Duration::from_secs(60);
/// Events that are told in one beat; of more, the latest. The others are in the export.
const EVENTS_A_BEAT: usize = 100;

/// What has been told already.
#[derive(Debug, Default)]
struct Told {
    events: u64,
    refusals: u64,
}

/// Samples until `stop` says so.
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
            shared.license.poll(unix_now());
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
    let overrides = shared.authors.told(&observed.overrides, at_ms);
    let around = model::around(&observed, overrides, shared.license.as_json(unix_now()), at_ms);
    let update = lock(&shared.model).take(observed.routes, around, at_ms);
    if shared.hub.is_watched() {
        shared.hub.publish("frame", &update.frame);
        if let Some(around) = update.around {
            shared.hub.publish("around", &around.to_string());
        }
    }
}

/// A look at everything but the routes, so that an override is seen at once. Rates need a whole
/// interval.
pub(crate) fn look_around(shared: &Shared) {
    let at_ms = SystemClock.wall().as_millis();
    let observed = shared.source.look();
    let overrides = shared.authors.told(&observed.overrides, at_ms);
    let around = model::around(&observed, overrides, shared.license.as_json(unix_now()), at_ms);
    // A statement of its own: the model's lock is free before the hub's is taken.
    let news = lock(&shared.model).take_around(around);
    if let Some(around) = news
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

/// The whole state, for a browser that knows nothing yet.
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::sync::mpsc::channel;

    use atrion_license::{Tier, development};

    use super::*;
    use crate::authors::Authors;
    use crate::config::StudioConfig;
    use crate::hub::Hub;
    use crate::license_view::LicenseView;
    use crate::model::Model;
    use crate::past::Past;
    use crate::sessions::Sessions;
    use crate::source::{Observed, Source};

    /// Every look at it finds something new around the routes.
    #[derive(Default)]
    struct Restless(AtomicU32);

    impl Source for Restless {
        fn look(&self) -> Observed {
            Observed { gamma: Some(f64::from(self.0.fetch_add(1, Relaxed))), ..Observed::default() }
        }
    }

    fn shared() -> Arc<Shared> {
        let config = StudioConfig::default();
        Arc::new(Shared {
            address: config.address,
            source: Arc::new(Restless::default()),
            hub: Hub::new("e".to_owned(), usize::MAX),
            model: Mutex::new(Model::new(config.history_mib)),
            license: LicenseView::new(development::key(Tier::Pro).unwrap().into(), config.cluster.clone()),
            authors: Authors::default(),
            sessions: Sessions::new(None),
            past: Past::new(None),
            replay: Arc::default(),
            config,
        })
    }

    /// A newcomer takes the hub's lock and then the model's: a look must not take them the other
    /// way.
    #[test]
    fn a_look_and_a_newcomer_do_not_wait_for_each_other() {
        const ROUNDS: usize = 2_000;
        let (shared, (done, ended)) = (shared(), channel());
        let first = shared.hub.subscribe(None, || state(&shared)).unwrap();
        let (looks, newcomers) = (Arc::clone(&shared), Arc::clone(&shared));
        let told = done.clone();
        std::thread::spawn(move || {
            (0..ROUNDS).for_each(|_| look_around(&looks));
            told.send(()).unwrap();
        });
        std::thread::spawn(move || {
            (0..ROUNDS).for_each(|_| drop(newcomers.hub.subscribe(None, || state(&newcomers)).unwrap()));
            done.send(()).unwrap();
        });
        for _ in 0..2 {
            ended.recv_timeout(Duration::from_secs(60)).expect("a thread waits for a lock for ever");
        }
        drop(first);
    }
}
