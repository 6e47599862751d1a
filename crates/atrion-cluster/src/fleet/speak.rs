// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The outgoing half: what is to be done now, and until when there is nothing to do.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{DecayRate, NodeId};

use super::{Action, Commit, Committed, Fleet, Part};
use crate::wire::{Entry, Header, Kind, Message, Proof, RouteHash};

/// Entries of one message, in bytes: with its header below the 48 KB at which messages are split.
const ROOM: usize = 47 * 1024;
/// Records read in one go.
const PULLED: usize = 16;
/// A record lives for seven times its scars' mean life: e^-7 is nothing.
const LIVES: f64 = 7.0;
const LEAST_TTL: Duration = Duration::from_secs(30);
/// Ages on the wire end here, so there is no use in keeping what is older.
const MOST_TTL: Duration = Duration::from_secs(3_600);

impl Fleet {
    /// What is to be done now; `None` is nothing before [`deadline`](Self::deadline). Call it until
    /// it says so.
    pub fn poll(&mut self, now: Mono) -> Option<Action> {
        if !self.lanes.live {
            return None;
        }
        let idle = self.lanes.committing.is_none();
        if idle && (self.lanes.renew || self.lanes.beat_due <= now) {
            let whole = self.lanes.renew;
            return Some(Action::Commit(self.commit(whole, now)));
        }
        if self.lanes.publishing.is_none() && self.lanes.pulse_due <= now && self.own.is_touched() {
            let messages = self.urgent(now);
            if !messages.is_empty() {
                self.lanes.publishing = Some(now);
                return Some(Action::Publish(messages));
            }
        }
        if !self.lanes.pulling {
            let nodes = self.wanted(now);
            if !nodes.is_empty() {
                self.lanes.pulling = true;
                return Some(Action::Pull(nodes));
            }
        }
        if !self.lanes.comparing && self.lanes.compare_due <= now {
            self.lanes.comparing = true;
            return Some(Action::Compare);
        }
        None
    }

    /// When there may be something to do, if nothing happens before. Updates, messages and reports
    /// happen.
    #[must_use]
    pub fn deadline(&self) -> Mono {
        let lanes = &self.lanes;
        let never = Mono::from_nanos(u64::MAX);
        let when = |ready: bool, due: Mono| if ready && lanes.live { due } else { never };
        let beat = if lanes.renew { Mono::ZERO } else { lanes.beat_due };
        let pull = self.senders.values().filter_map(super::Sender::pull_due).min();
        when(lanes.committing.is_none(), beat)
            .min(when(lanes.publishing.is_none() && self.own.is_touched(), lanes.pulse_due))
            .min(when(!lanes.pulling, pull.unwrap_or(never)))
            .min(when(!lanes.comparing, lanes.compare_due))
    }

    /// The whole record and everything that peers may not know: what a new connection begins with.
    /// Its end is reported as every commit's.
    pub fn push(&mut self, now: Mono) -> Commit {
        self.commit(true, now)
    }

    /// The connection is complete: both lanes run.
    pub fn go_live(&mut self, now: Mono) {
        self.lanes.start(&mut self.jitter, now);
    }

    /// The connection is gone. What was said since the last answer is in doubt, and said again over
    /// the next one.
    pub fn disconnected(&mut self, now: Mono) {
        if self.lanes.committing.is_some() {
            self.committed(Committed::Failed, now);
        }
        self.own.doubt(self.lanes.sure);
        self.lanes.stop();
    }

    /// The last word of this life: everything that was not said, and goodbye.
    pub fn leave(&mut self, now: Mono) -> Commit {
        let unsaid = self.own.unsaid();
        let mut messages = self.say(&unsaid, false, now);
        messages
            .push(Message { header: self.header(Kind::Leave, DecayRate::ZERO, now), entries: Vec::new() });
        self.write(false, Kind::Leave, messages, now)
    }

    /// A publication ended, well or badly.
    pub fn published(&mut self, now: Mono) {
        if let Some(began) = self.lanes.publishing.take() {
            self.lanes.answered(began, now);
        }
    }

    /// A commit ended.
    pub fn committed(&mut self, end: Committed, now: Mono) {
        let Some(began) = self.lanes.committing.take() else { return };
        match end {
            Committed::Stored { added } => {
                self.stats.committed += 1;
                self.lanes.answered(began, now);
                self.lanes.sure = began;
                self.saving = None;
                let (parts, header) =
                    (self.own.parts.stored(), !std::mem::replace(&mut self.lanes.stored, true));
                // More was new to the store than it should have lacked: it was emptied.
                if added > parts + usize::from(header) {
                    self.stats.restored += 1;
                    self.lanes.renew = true;
                }
                self.lanes.renew |= self.own.parts.is_sprawling();
            }
            // The listeners have it: only the parts are to be written again.
            Committed::Published => {
                self.lanes.answered(began, now);
                self.lanes.sure = began;
                self.unstored();
            }
            Committed::Failed => {
                self.unstored();
                self.own.doubt(self.lanes.sure);
            }
        }
    }

    fn unstored(&mut self) {
        self.stats.failed += 1;
        self.own.parts.failed();
        self.unsaved = self.saving.take().into_iter().chain(self.unsaved).min();
    }

    fn commit(&mut self, whole: bool, now: Mono) -> Commit {
        self.adapt_to_size(now);
        let due = self.own.lazy(now);
        let mut messages = self.say(&due, false, now);
        let forgotten = self.own.tell_forgotten();
        for entries in forgotten.chunks(Message::MAX_ENTRIES) {
            messages.push(Message {
                header: self.header(Kind::Delta, DecayRate::ZERO, now),
                entries: entries.to_vec(),
            });
        }
        if messages.is_empty() {
            messages.push(Message {
                header: self.header(Kind::Heartbeat, DecayRate::ZERO, now),
                entries: vec![],
            });
        }
        if let Some(proof) = messages.first_mut().and_then(|message| message.header.proof.as_mut()) {
            proof.answers = self.challenges.answer();
        }
        self.lanes.beat(now);
        self.write(whole, Kind::Heartbeat, messages, now)
    }

    fn write(&mut self, replaces: bool, kind: Kind, messages: Vec<Message>, now: Mono) -> Commit {
        if replaces {
            self.own.parts.renew();
            self.lanes.stored = false;
            self.lanes.renew = false;
        }
        let seq = self.identity.seq;
        let mut parts = Vec::new();
        for group in self.own.parts.take() {
            let entries = self.own.part(group, seq, now);
            if replaces && entries.is_empty() {
                self.own.parts.discard(group);
                continue;
            }
            let mut header = self.header_at(Kind::SnapshotPart, group.rate(), seq, now);
            let number = group.low(self.own.parts.mask());
            header.part = u16::try_from(number).unwrap_or(u16::MAX);
            header.parts = self.own.parts.count();
            parts.push(Part { field: self.own.parts.field(group), message: Message { header, entries } });
        }
        self.lanes.committing = Some(now);
        self.saving = self.saving.into_iter().chain(self.unsaved.take()).min();
        self.stats.sent += messages.len() as u64;
        let header = self.header_at(kind, DecayRate::ZERO, seq, now);
        Commit {
            node: self.identity.node.clone(),
            replaces,
            header: Header { parts: self.own.parts.in_record(), ..header },
            parts,
            ttl: self.ttl(),
            messages,
        }
    }

    fn urgent(&mut self, now: Mono) -> Vec<Message> {
        self.lanes.pulse_due = now.after(self.lanes.effective_pulse());
        let routes = self.own.urgent(now);
        let messages = self.say(&routes, true, now);
        self.stats.sent += messages.len() as u64;
        messages
    }

    /// Says these routes as they are now, in as few messages as they take: one rate to a message,
    /// forty-eight kilobytes at most. The urgent lane keeps to the pace that peers bear and comes
    /// back to the rest.
    fn say(&mut self, routes: &[RouteHash], urgent: bool, now: Mono) -> Vec<Message> {
        let mut by_rate: BTreeMap<u64, Vec<(RouteHash, usize)>> = BTreeMap::new();
        for hash in routes {
            if let Some((rate, bytes)) = self.own.cost(*hash) {
                by_rate.entry(rate.get().to_bits()).or_default().push((*hash, bytes));
            }
        }
        let mut messages = Vec::new();
        for (rate, routes) in by_rate {
            let mut rest = routes.as_slice();
            while !rest.is_empty() {
                let mut bytes = 0;
                let fits = |(_, cost): &&(RouteHash, usize)| {
                    bytes += cost;
                    bytes <= ROOM
                };
                let count = rest.iter().take(Message::MAX_ENTRIES).take_while(fits).count().max(1);
                let (chunk, left) = rest.split_at(count);
                rest = left;
                if !self.pace.take(bytes.min(ROOM) + HEADER, now) && urgent {
                    let postponed: Vec<_> = chunk.iter().chain(rest).map(|(hash, _)| *hash).collect();
                    self.own.postpone(&postponed);
                    break;
                }
                let header = self.header(Kind::Delta, DecayRate::saturating(f64::from_bits(rate)), now);
                let said = |(hash, _): &(RouteHash, usize)| self.own.say(*hash, header.seq, urgent, now);
                let entries: Vec<Entry> = chunk.iter().filter_map(said).collect();
                self.stats.sent_entries += entries.len() as u64;
                messages.push(Message { header, entries });
            }
        }
        messages
    }

    /// The nodes whose records are to be read now; counts as asking for them.
    fn wanted(&mut self, now: Mono) -> Vec<NodeId> {
        let due =
            self.senders.iter_mut().filter(|(_, sender)| sender.pull_due().is_some_and(|due| due <= now));
        due.take(PULLED)
            .map(|(node, sender)| {
                sender.asked(&mut self.jitter, now);
                node.clone()
            })
            .collect()
    }

    fn ttl(&self) -> Duration {
        let slowest = self.own.slowest_decay().unwrap_or(f64::INFINITY);
        // The rate is above 0, and `min` takes care of what is longer than a Duration.
        let lives = (LIVES / slowest).ceil().min(MOST_TTL.as_secs_f64());
        Duration::from_secs_f64(lives).clamp(LEAST_TTL, MOST_TTL)
    }

    /// The header of the next message on the channel.
    fn header(&mut self, kind: Kind, rate: DecayRate, now: Mono) -> Header {
        let seq = self.identity.next_seq();
        let heartbeat = self.lanes.heartbeat();
        let challenge = || self.challenges.current(heartbeat, &mut self.jitter, now);
        let challenge = self.config.signed.then(challenge);
        let proof = challenge.map(|challenge| Proof { challenge, answers: Vec::new() });
        Header { proof, ..self.header_at(kind, rate, seq, now) }
    }

    fn header_at(&self, kind: Kind, lambda: DecayRate, seq: u64, now: Mono) -> Header {
        Header {
            cluster: self.config.cluster,
            node: self.identity.node.clone(),
            incarnation: self.identity.incarnation,
            seq,
            sent_ms: self.identity.sent_ms(now),
            lambda,
            ttl_ms: u32::try_from(self.ttl().as_millis()).unwrap_or(u32::MAX),
            cfg: self.config.cfg,
            kind,
            shard: self.config.shard,
            part: 0,
            parts: 1,
            proof: None,
        }
    }
}

/// What a header takes on the wire at most, with its envelope and signature.
const HEADER: usize = 192;
