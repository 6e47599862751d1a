// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The incoming half: messages from the channel.

use std::cmp::Ordering;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Change, NodeId, PhysicsVector, Register, RouteId};

use super::proof::BELIEVED;
use super::{Fleet, NAMES, Received, Sender};
use crate::wire::{Entry, EntryMode, Header, Kind, Message, RouteHash};

/// From then on a node is known.
const SETTLED: Duration = Duration::from_secs(60);

impl Fleet {
    /// Takes a message that was decoded and checked; `bytes` is how long it was.
    pub fn receive(&mut self, message: Message, bytes: usize, now: Mono) -> Received {
        let received = self.take(message, bytes, now);
        let count = match &received {
            Received::Taken(_) => &mut self.stats.taken,
            Received::Echo => &mut self.stats.echoes,
            Received::Foreign => &mut self.stats.foreign,
            Received::Old => &mut self.stats.old,
            Received::Flood => &mut self.stats.floods,
            Received::Full => &mut self.stats.full,
        };
        *count += 1;
        received
    }

    fn take(&mut self, message: Message, bytes: usize, now: Mono) -> Received {
        let Message { header, entries } = message;
        if header.node == self.identity.node {
            return self.hear_own_name(&header, now);
        }
        if !self.make_room_for(&header.node, now) {
            return Received::Full;
        }
        let proof = header.proof.as_ref();
        let proven_since = proof.and_then(|proof| self.challenges.proven_since(proof));
        self.bury(&header, proven_since, now);
        let fresh = Sender::new(header.incarnation, now);
        let sender = self.senders.entry(header.node.clone()).or_insert(fresh);
        if !sender.may_say(bytes, now) {
            // Not even its number is believed: the next message that is will show the gap.
            return Received::Flood;
        }
        match header.incarnation.cmp(&sender.incarnation) {
            Ordering::Less => return Received::Old,
            Ordering::Equal => {}
            Ordering::Greater => sender.reborn(header.incarnation),
        }
        sender.cfg = header.cfg;
        // Only a number that was not heard before says anything of the moment.
        let is_new = header.seq > sender.seq;
        sender.note(header.seq, &mut self.jitter, now);
        let delay = sender.delay(header.sent_ms, now);
        if let Some(since) = proven_since {
            sender.prove(since);
        }
        if let Some(proof) = proof.filter(|proof| is_new && sender.challenge != Some(proof.challenge)) {
            sender.challenge = Some(proof.challenge);
            self.challenges.owe(proof.challenge);
        }
        // Versions before the proof have none; a node that has given one has no such version.
        let believed = !self.config.signed
            || sender.challenge.is_none()
            || sender.is_proven(BELIEVED * self.lanes.heartbeat(), now);
        let was_gone = self.is_gone(&header.node, now);
        let silence = if believed && is_new {
            self.peers.heard(&header.node, header.incarnation, now);
            Duration::ZERO
        } else {
            self.silence_of(&header.node, header.incarnation, now)
        };
        self.stats.unproven += u64::from(!believed);
        let mut changes = self.absorb(&header, entries, delay, silence, now);
        if was_gone && !self.is_gone(&header.node, now) {
            changes = self.all_of(&header.node, now);
        }
        if header.kind == Kind::Leave && believed && is_new {
            self.peers.leaving(&header.node, header.incarnation, now);
        }
        Received::Taken(changes)
    }

    /// A message in this node's name: its own, an echo of an earlier life, or another process that
    /// has the same name.
    fn hear_own_name(&mut self, header: &Header, now: Mono) -> Received {
        let (life, me) = (header.incarnation, self.identity.incarnation);
        if life < me || (life == me && header.seq <= self.identity.seq) {
            // An earlier life has nothing to say, and if it still lives it will hear of this one.
            return if life < me { Received::Old } else { Received::Echo };
        }
        self.refute(life, now);
        Received::Foreign
    }

    /// Forgets a life that counts for nothing any more when an *earlier* one speaks in its node's
    /// name: a process whose clock was put back and whose record was lost, so that it cannot know
    /// of the other. While a later life is heard, or was lately, earlier ones are dropped. A
    /// message that was lost for longer than that may be believed for a while, and fades as it
    /// came; where messages are signed, the earlier life has to answer a number that was made up
    /// since the later one was heard.
    fn bury(&mut self, header: &Header, proven_since: Option<Mono>, now: Mono) {
        let Some(sender) = self.senders.get(&header.node) else { return };
        let Some((_, silence)) = self.peers.node(&header.node, now) else { return };
        let may = match proven_since {
            Some(since) => now.since(since) < silence,
            None => !self.config.signed || header.proof.is_none() && sender.challenge.is_none(),
        };
        if may && header.incarnation < sender.incarnation && silence >= self.peers.liveness().gone() {
            self.senders.remove(&header.node);
            self.peers.forget(&header.node);
        }
    }

    /// For how long this life of a node has not been heard of, where what it says now does not
    /// count as hearing of it.
    fn silence_of(&self, node: &NodeId, life: u64, now: Mono) -> Duration {
        let known = self.peers.node(node, now).filter(|(known, _)| *known == life);
        known.map_or(self.peers.liveness().gone(), |(_, silence)| silence)
    }

    /// Whether a node that is known counts for nothing at present.
    pub(super) fn is_gone(&self, node: &NodeId, now: Mono) -> bool {
        let gone = self.peers.liveness().gone();
        self.peers.node(node, now).is_some_and(|(_, silence)| silence >= gone)
    }

    /// Everything that a node says: it counts again, and subscribers to changes have to hear so.
    pub(super) fn all_of(&self, node: &NodeId, now: Mono) -> Vec<Change> {
        let named =
            self.peers.of(node, now).filter_map(|(hash, register)| Some((self.name(*hash)?, register)));
        named.map(|(name, register)| Change::new(name.clone(), register)).collect()
    }

    /// Overtakes the process that speaks in this node's name, and says everything anew.
    pub(super) fn refute(&mut self, life: u64, now: Mono) {
        self.identity.refute(life, &mut self.jitter, now);
        self.reborn();
    }

    pub(super) fn reborn(&mut self) {
        self.own.reborn();
        self.lanes.renew = true;
    }

    /// Makes a place for a node, if there is one. Where all are taken, a node that is gone gives
    /// its own; where nothing is signed, so does the one that came lately and was silent longest:
    /// strangers cannot keep a fleet's nodes out by their number.
    pub(super) fn make_room_for(&mut self, node: &NodeId, now: Mono) -> bool {
        let most = self.config.limits.nodes;
        if self.senders.contains_key(node) || self.senders.len() < most {
            return true;
        }
        self.peers.make_room_for_node(now);
        // A node that is forgotten as a peer is forgotten as a sender.
        let peers = &self.peers;
        self.senders.retain(|name, _| peers.node(name, now).is_some());
        if self.senders.len() >= most && !self.config.signed {
            let late = self.senders.iter().filter(|(_, sender)| !sender.known).map(|(name, _)| name);
            let silent = late.filter_map(|name| Some((self.peers.node(name, now)?.1, name)));
            let longest = silent.filter(|(silence, _)| *silence >= self.lanes.heartbeat()).max();
            if let Some(name) = longest.map(|(_, name)| name.clone()) {
                self.peers.forget(&name);
                self.senders.remove(&name);
            }
        }
        self.senders.len() < most
    }

    /// Nodes that were heard for a minute have places of their own. A quarter of all is for nodes
    /// that come.
    pub(super) fn settle(&mut self, now: Mono) {
        let rooms = self.config.limits.nodes * 3 / 4;
        let taken = self.senders.values().filter(|sender| sender.known).count();
        let (peers, gone) = (&self.peers, self.peers.liveness().gone());
        let lives = |name| peers.node(name, now).is_some_and(|(_, silence)| silence < gone);
        let late = self.senders.iter_mut().filter(|(_, sender)| !sender.known);
        let settled = late.filter(|(name, sender)| now.since(sender.since) >= SETTLED && lives(name));
        settled.take(rooms.saturating_sub(taken)).for_each(|(_, sender)| sender.known = true);
    }

    /// Joins entries of one node into the registers. `older`: by how much they are older than they
    /// say; `silence`: for how long the node has not been heard of.
    pub(super) fn absorb(
        &mut self,
        header: &Header,
        entries: Vec<Entry>,
        older: Duration,
        silence: Duration,
        now: Mono,
    ) -> Vec<Change> {
        let news = entries.iter().filter(|entry| !self.peers.holds(&header.node, &entry.route)).count();
        let own = &self.own;
        let evicted = self.peers.make_room(&header.node, news, |hash| own.holds(*hash), now);
        self.stats.evicted_peers += evicted as u64;
        let mut changes = Vec::new();
        for entry in entries {
            let version = header.seq.saturating_sub(u64::from(entry.back));
            if let Some(name) = &entry.name {
                self.learn(entry.route, name);
            }
            let EntryMode::Live(mode) = entry.mode else {
                self.peers.delete(entry.route, &header.node, header.incarnation, version, now);
                continue;
            };
            let vector = PhysicsVector::new(mode, entry.resistance, entry.scar)
                .with_momentum(entry.momentum)
                .with_weight(entry.weight)
                .with_decay_rate(header.lambda)
                .with_age(Duration::from_millis(u64::from(entry.age_ms)).saturating_add(older))
                .with_load(entry.load)
                .with_tenants(entry.tenants);
            let register =
                Register::new(header.node.clone(), header.incarnation, version, vector).with_silence(silence);
            if self.peers.accept(entry.route, &register, now) {
                self.stats.news += 1;
                changes.extend(self.name(entry.route).map(|name| Change::new(name.clone(), register)));
            }
        }
        changes
    }

    fn learn(&mut self, hash: RouteHash, name: &RouteId) {
        if self.own.holds(hash) || self.names.contains_key(&hash) {
            return;
        }
        if self.names.len() >= NAMES {
            // A node says the names that are still in use again in its next record.
            self.names.clear();
            self.hashes.clear();
        }
        self.names.insert(hash, name.clone());
        self.hashes.insert(name.clone(), hash);
    }

    fn name(&self, hash: RouteHash) -> Option<&RouteId> {
        self.own.name(hash).or_else(|| self.names.get(&hash))
    }
}
