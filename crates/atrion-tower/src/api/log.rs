// SPDX-License-Identifier: Apache-2.0
//! The latest events, numbered.

use std::collections::VecDeque;
use std::sync::{Mutex, Weak};

use atrion_engine::{Events, Received};
use atrion_state::lock;
use serde::Serialize;

use super::event::{EventText, EventView};
use super::model::wall;

/// Events, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<EventView>,
    /// Give it as `after` to get what comes later.
    pub next: u64,
    /// How many events after the named one are no longer kept.
    pub lost: u64,
}

/// Keeps the latest 2,048 events, and numbers them from 1.
#[derive(Debug, Default)]
pub struct EventLog(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<EventView>,
    /// The number of the latest event.
    latest: u64,
}

/// Events that are kept.
const KEPT: usize = 2_048;

/// Adds events to the log until the log is gone or the instance has ended.
pub(super) async fn remember(log: Weak<EventLog>, mut events: Events) {
    while let Some(received) = events.next().await {
        let Some(log) = log.upgrade() else { return };
        let event = match received {
            Received::Event(event) => EventText::of(&event),
            Received::Lost(lost) => Some(EventText::lost(lost)),
            _ => None,
        };
        if let Some(event) = event {
            log.add(event);
        }
    }
}

impl EventLog {
    /// Adds an event that happened now.
    pub fn add(&self, event: EventText) {
        let mut ring = lock(&self.0);
        ring.latest += 1;
        let number = ring.latest;
        if ring.events.len() >= KEPT {
            ring.events.pop_front();
        }
        ring.events.push_back(EventView { number, at_ms: wall(), event });
    }

    /// The events after the event of that number; after 0, all that are kept.
    #[must_use]
    pub fn after(&self, number: u64) -> EventPage {
        let ring = lock(&self.0);
        // A number above the latest is from an earlier process: it asks for everything.
        let number = if number > ring.latest { 0 } else { number };
        let events: Vec<_> = ring.events.iter().filter(|event| event.number > number).cloned().collect();
        let first = events.first().map_or(number + 1, |event| event.number);
        EventPage { events, next: ring.latest, lost: first - number - 1 }
    }
}

#[cfg(test)]
mod tests {
    use atrion_state::Event;

    use super::*;

    #[test]
    fn events_are_numbered_bounded_and_say_what_is_lost() {
        let log = EventLog::default();
        assert_eq!(log.after(0), EventPage { events: vec![], next: 0, lost: 0 });
        for generation in 1..=3_000 {
            log.add(EventText::of(&Event::ConfigReplaced { generation }).unwrap());
        }
        let page = log.after(10);
        assert_eq!((page.events.len(), page.next, page.lost), (KEPT, 3_000, 3_000 - 2_048 - 10));
        let page = log.after(2_998);
        assert_eq!((page.events.len(), page.next, page.lost), (2, 3_000, 0));
        assert_eq!(log.after(3_000).events, []);
        // A cursor from before a restart gets everything.
        assert_eq!(log.after(1_000_000).events.len(), KEPT);
    }
}
