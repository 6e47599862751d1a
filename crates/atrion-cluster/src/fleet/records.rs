// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The incoming half: records from the store. They repair what the channel lost, and bring back
//! what an earlier life of this node knew.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Change, NodeId, PhysicsVector};

use super::{Digest, Fleet, Record, Sender};
use crate::wire::{Entry, EntryMode, Header, Kind};

impl Fleet {
    /// Takes the stored record of a node; gives the registers that changed, as far as their routes'
    /// names are known.
    ///
    /// This node's own record is what an earlier life knew: it becomes own state where there is
    /// none yet, and this life becomes later than that one.
    pub fn load(&mut self, record: Record, now: Mono) -> Vec<Change> {
        let Record { header, parts, ttl, complete } = record;
        let silence = silence(&header, ttl);
        // Parts of an earlier life may still lie in the record; they are not of this one.
        let parts = parts
            .into_iter()
            .filter(|part| part.header.node == header.node && part.header.incarnation == header.incarnation);
        let parts: Vec<_> = parts
            .map(|part| {
                let lain = header.sent_ms.saturating_sub(part.header.sent_ms);
                (Duration::from_millis(lain).saturating_add(silence), part)
            })
            .collect();
        // The store was emptied, and has only what changed since: the rest comes within a beat.
        let is_whole = parts.len() >= usize::from(header.parts);
        if header.node == self.identity.node {
            for (older, part) in parts {
                self.remember(&part.header, part.entries, older, now);
            }
            self.follow(&header, now);
            return Vec::new();
        }
        if !self.make_room_for(&header.node, now) {
            self.stats.full += 1;
            return Vec::new();
        }
        let fresh = Sender::new(header.incarnation, now);
        let sender = self.senders.entry(header.node.clone()).or_insert(fresh);
        match header.incarnation.cmp(&sender.incarnation) {
            Ordering::Less => return Vec::new(),
            Ordering::Equal => {}
            Ordering::Greater => sender.reborn(header.incarnation),
        }
        sender.cfg = header.cfg;
        if is_whole {
            sender.loaded(header.seq);
        } else {
            sender.miss(header.seq, &mut self.jitter, now);
        }
        self.stats.loaded += 1;
        let gone = if header.kind == Kind::Leave { self.peers.liveness().whole() } else { Duration::ZERO };
        // A client that can write can also write what it recorded, with an end of its own: where
        // nodes prove that they live, a record proves nothing.
        let unproven = if self.config.signed { self.peers.liveness().gone() } else { Duration::ZERO };
        let silence = silence.max(gone).max(unproven);
        let was_gone = self.is_gone(&header.node, now);
        let mut held = HashSet::new();
        let mut changes = Vec::new();
        for (older, part) in parts {
            held.extend(part.entries.iter().map(|entry| entry.route));
            changes.extend(self.absorb(&part.header, part.entries, older, silence, now));
        }
        self.peers.heard_before(&header.node, header.incarnation, silence, now);
        if complete && is_whole {
            self.peers.reconcile(&header.node, header.incarnation, header.seq, |hash| held.contains(hash));
        }
        if was_gone && !self.is_gone(&header.node, now) {
            changes = self.all_of(&header.node, now);
        }
        changes
    }

    /// The store has no record of this node.
    pub fn absent(&mut self, node: &NodeId) {
        if let Some(sender) = self.senders.get_mut(node) {
            sender.give_up();
        }
    }

    /// The first pull of everything is over: what an earlier life knew is known, if the store had
    /// it.
    pub fn remembered(&mut self) {
        self.remembered = true;
    }

    /// A pull ended, well or badly. What it did not bring is asked for again.
    pub fn pulled(&mut self) {
        self.lanes.pulling = false;
    }

    /// A comparison ended, with what it brought. Nodes whose records are ahead of what was heard
    /// are pulled next.
    pub fn compared(&mut self, digests: &[Digest], now: Mono) {
        self.lanes.compared(&mut self.jitter, now);
        for Digest { header, .. } in digests {
            if header.node == self.identity.node {
                if header.incarnation > self.identity.incarnation {
                    self.refute(header.incarnation, now);
                }
                continue;
            }
            if !self.make_room_for(&header.node, now) {
                continue;
            }
            let fresh = Sender::new(header.incarnation, now);
            let sender = self.senders.entry(header.node.clone()).or_insert(fresh);
            let known = (sender.incarnation, sender.seq);
            if (header.incarnation, header.seq) > known {
                if header.incarnation > sender.incarnation {
                    sender.reborn(header.incarnation);
                }
                sender.pull_now(header.seq, now);
            }
        }
    }

    /// An earlier life's word on a route, unless this one has its own.
    fn remember(&mut self, header: &Header, entries: Vec<Entry>, older: Duration, now: Mono) {
        // Later, a record in this node's name may be another process's.
        if self.remembered {
            return;
        }
        for entry in entries {
            let EntryMode::Live(mode) = entry.mode else { continue };
            let Some(name) = entry.name.filter(|name| self.own.hash(name).is_none()) else { continue };
            let vector = PhysicsVector::new(mode, entry.resistance, entry.scar)
                .with_momentum(entry.momentum)
                .with_weight(entry.weight)
                .with_decay_rate(header.lambda)
                .with_age(Duration::from_millis(u64::from(entry.age_ms)).saturating_add(older));
            self.own.put(&name, vector, self.config.routes, now);
        }
    }

    fn follow(&mut self, header: &Header, now: Mono) {
        let (life, me) = (header.incarnation, self.identity.incarnation);
        if !self.remembered {
            // Nothing has been said in this life: it may still become a later one.
            if life >= me {
                self.identity.follow(life, now);
            }
        } else if life > me || (life == me && header.seq > self.identity.seq) {
            self.refute(life, now);
        }
    }
}

/// How long ago a record's owner wrote it, by the store's clock: what is gone of its time to live.
fn silence(header: &Header, ttl: Option<Duration>) -> Duration {
    let whole = Duration::from_millis(u64::from(header.ttl_ms));
    // A record without an end was tampered with: it may be as old as records get.
    ttl.map_or(whole, |left| whole.saturating_sub(left))
}
