// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What the port's methods and the task that talks to the store have in common. Here are the
//! adapter's locks.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_core::Mono;
use atrion_license::{Feature, Watch};
use atrion_state::{
    Change, Clock, Event, Feed, MessageDirection, MessageResult, NodeId, ProviderStats, Sharing, lock,
};
use tokio::sync::{Notify, watch};

use super::config::RedisConfig;
use super::endpoint::Endpoint;
use super::keys::Keys;
use super::oversized::Oversized;
use super::status::Status;
use super::{NAME, seed};
use crate::adapter::Adapter;
use crate::fleet::{Fleet, FleetConfig, LinkConfig, Notice};
use crate::wire::{ClusterHash, EntryFault, EntryFaults, Expected, Key, Message, Reject, decode};

/// Everything that was set, checked.
pub(super) struct Settings {
    pub(super) config: RedisConfig,
    pub(super) endpoint: Endpoint,
    pub(super) keys: Keys,
    pub(super) key: Option<Key>,
    pub(super) node: NodeId,
    pub(super) sharing: Sharing,
    pub(super) license: Watch,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) struct Shared {
    pub(super) adapter: Adapter,
    pub(super) status: watch::Sender<Status>,
    /// A lock, because the port's methods and the worker step the same machine. It is held for one
    /// step at a time and never over an await.
    fleet: Mutex<Fleet>,
    pub(super) feed: Feed,
    pub(super) endpoint: Endpoint,
    pub(super) keys: Keys,
    pub(super) key: Option<Key>,
    pub(super) oversized: Arc<Oversized>,
    pub(super) cluster: String,
    pub(super) sharing: Sharing,
    pub(super) link: LinkConfig,
    hash: ClusterHash,
    /// Wakes the worker: there is something new to publish.
    pub(super) stirred: Notify,
    counts: Counts,
    /// It was logged that there are more nodes than there may be.
    crowded: AtomicBool,
}

/// What is counted outside of the machine.
#[derive(Debug, Default)]
struct Counts {
    rejects: [AtomicU64; Reject::ALL.len()],
    faults: [AtomicU64; EntryFault::ALL.len()],
    /// Messages that were dropped unhandled.
    overflowed: AtomicU64,
    /// Records under our keys that are none.
    foreign: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let Settings { config, endpoint, keys, key, node, sharing, license, clock } = settings;
        let hash = ClusterHash::of(&config.cluster);
        let mut fleet = FleetConfig::new(hash, node);
        fleet.pulse = config.sync.interval;
        fleet.cfg = u32::try_from(config.sync.interval.as_millis()).unwrap_or(u32::MAX);
        fleet.signed = key.is_some();
        let fleet = Fleet::new(fleet, clock.now(), clock.wall(), seed());
        Self {
            adapter: Adapter::new(NAME, clock, license, Feature::Redis, &config.cluster),
            status: watch::Sender::default(),
            fleet: Mutex::new(fleet),
            feed: Feed::default(),
            endpoint,
            keys,
            key,
            oversized: Arc::default(),
            cluster: config.cluster,
            sharing,
            link: LinkConfig { longest_backoff: config.longest_wait, ..LinkConfig::default() },
            hash,
            stirred: Notify::new(),
            counts: Counts::default(),
            crowded: AtomicBool::new(false),
        }
    }

    pub(super) fn now(&self) -> Mono {
        self.adapter.now()
    }

    /// One step of the machine.
    pub(super) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        // Each step leaves the machine usable.
        lock(&self.fleet)
    }

    /// Takes bytes from the channel.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let Some((message, _)) = self.decode(bytes) else { return };
        let now = self.now();
        let received = self.fleet().receive(message, bytes.len(), now);
        if let crate::fleet::Received::Taken(changes) = received {
            self.publish(changes);
        }
    }

    pub(super) fn publish(&self, changes: Vec<Change>) {
        if !changes.is_empty() && self.feed.has_subscribers() {
            changes.iter().for_each(|change| self.feed.publish(change));
        }
    }

    /// A message, and whether it is whole; nothing if it is none, which is counted.
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<(Message, bool)> {
        let wall_ms = self.adapter.wall().as_millis();
        let expected = Expected { cluster: self.hash, shard: 0, key: self.key.as_ref(), wall_ms };
        match decode(bytes, &expected) {
            Ok(decoded) => {
                self.count_faults(&decoded.faults);
                let whole = decoded.faults.total() == 0;
                Some((decoded.message, whole))
            }
            Err(reject) => {
                count(&self.counts.rejects[reject as usize], 1);
                tracing::debug!(target: "atrion", provider = NAME, %reject, "a message was dropped");
                None
            }
        }
    }

    fn count_faults(&self, faults: &EntryFaults) {
        for (fault, counted) in EntryFault::ALL.into_iter().zip(&self.counts.faults) {
            count(counted, u64::from(faults.of(fault)));
        }
    }

    pub(super) fn count_overflow(&self, dropped: u64) {
        count(&self.counts.overflowed, dropped);
    }

    pub(super) fn count_foreign_record(&self) {
        count(&self.counts.foreign, 1);
    }

    /// Tells what happened to the fleet.
    pub(super) fn notice(&self) {
        let now = self.now();
        let crowd = self.crowd();
        // Relaxed: one task reads and writes it.
        if !self.crowded.swap(crowd.is_some(), Ordering::Relaxed)
            && let Some(reason) = crowd
        {
            tracing::warn!(target: "atrion", provider = NAME, reason, "strangers may be among the nodes");
        }
        let notices = self.fleet().notices(now);
        for notice in notices {
            self.adapter.tell(&match notice {
                Notice::Joined(node) => Event::NodeJoined { provider: NAME, node },
                Notice::Lost(node) => Event::NodeLost { provider: NAME, node },
                Notice::Renamed { from, to } => {
                    Event::DuplicateIdentity { provider: NAME, node: from, renamed: to }
                }
            });
        }
    }

    /// What is wrong, if more nodes are heard than may be where nothing is signed.
    pub(super) fn crowd(&self) -> Option<String> {
        let nodes = self.fleet().crowd(self.now())?;
        Some(format!("{nodes} nodes are heard, and anybody may be one of them: set `hmac_key` in all"))
    }

    pub(super) fn stats(&self) -> ProviderStats {
        let now = self.now();
        let (stats, lag) = {
            let fleet = self.fleet();
            (fleet.stats(now), fleet.lag(now))
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (sent, received) = (MessageDirection::Sent, MessageDirection::Received);
        let mut all = ProviderStats::new(NAME)
            .health(self.health())
            .nodes(stats.live, stats.fading)
            .license(self.adapter.license_standing())
            .messages(sent, MessageResult::Accepted, stats.sent)
            .messages(received, MessageResult::Accepted, stats.taken + stats.echoes + stats.loaded)
            .messages(received, MessageResult::Stale, stats.old)
            .rejected(sent, "commit", stats.failed)
            .rejected(received, "flood", stats.floods)
            .rejected(received, "no_room", stats.full)
            .rejected(received, "unproven", stats.unproven)
            .rejected(received, "foreign_identity", stats.foreign)
            .rejected(received, "overflow", read(&self.counts.overflowed))
            .rejected(received, "foreign_record", read(&self.counts.foreign))
            .rejected(received, "oversized", self.oversized.met());
        // Without a license nothing is ever stored, and nothing lies behind.
        if self.adapter.license.is_granted() {
            all = all.lag(lag);
        }
        for (reject, counter) in Reject::ALL.into_iter().zip(&self.counts.rejects) {
            all = all.rejected(received, reject.label(), read(counter));
        }
        for (fault, counter) in EntryFault::ALL.into_iter().zip(&self.counts.faults) {
            all = all.rejected(received, fault.label(), read(counter));
        }
        all
    }
}

/// Relaxed: gauges read them, no decision does.
fn count(counter: &AtomicU64, more: u64) {
    if more > 0 {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("endpoint", &self.endpoint)
            .field("cluster", &self.cluster)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}
