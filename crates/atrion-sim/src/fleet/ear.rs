// SPDX-License-Identifier: Apache-2.0
//! What a node has heard: everybody's register, what is missing, and how long messages take.

use std::time::Duration;

use atrion_core::{Mono, Peer};
use atrion_state::{Change, Liveness, NodeId, Register, RegisterSet, RegisterSetLimits, RouteId};

use super::voice::{Message, Record, Said};
use crate::dice::Dice;

pub(super) struct Ear {
    peers: RegisterSet,
    senders: Vec<Sender>,
    dice: Dice,
}

#[derive(Debug, Clone, Default)]
struct Sender {
    /// The highest message that was heard or read.
    seq: u64,
    /// When it was last heard.
    heard: Option<Mono>,
    /// The least time that a message took: what another takes longer is its age.
    fastest: Option<Duration>,
    /// A gap is to be read from the store.
    missing: bool,
}

/// What came of a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    /// Registers that are news.
    pub(super) news: Vec<Change>,
    /// The node counted for nothing before, and is back.
    pub(super) is_back: bool,
    /// When to read the sender's record, if something is missing.
    pub(super) pull: Option<Mono>,
}

impl Ear {
    pub(super) fn new(node: usize, nodes: usize, liveness: Liveness, seed: u64) -> Self {
        Self {
            peers: RegisterSet::new(RegisterSetLimits::default(), liveness),
            senders: vec![Sender::default(); nodes],
            dice: Dice::stream(seed, PURPOSE ^ node as u64),
        }
    }

    /// Registers of the others, aged and sorted.
    pub(super) fn view(&self, route: &RouteId, now: Mono) -> Vec<Register> {
        self.peers.live(route, now)
    }

    /// The same as the merge takes it.
    pub(super) fn peers<'a>(
        &'a self,
        route: &'a RouteId,
        liveness: &'a Liveness,
        now: Mono,
    ) -> impl Iterator<Item = Peer> + 'a {
        self.peers.peers(route, liveness, now)
    }

    pub(super) fn hear(&mut self, message: &Message, name: &NodeId, now: Mono) -> Heard {
        let sender = &mut self.senders[message.from];
        let has_gap = message.seq > sender.seq + 1;
        sender.seq = sender.seq.max(message.seq);
        let pull = (has_gap && !sender.missing).then(|| {
            sender.missing = true;
            // The sender stores its record once a second, and those who missed the same message should not ask together.
            now.after(Duration::from_secs_f64(self.dice.between(1.0, 2.0)))
        });
        let took = now.since(message.sent);
        let fastest = sender.fastest.map_or(took, |fastest| fastest.min(took));
        sender.fastest = Some(fastest);
        let gone = self.peers.liveness().gone();
        let is_back = sender.heard.replace(now).is_some_and(|heard| now.since(heard) >= gone);
        if message.said.is_empty() {
            self.peers.heard(name, LIFE, now);
        }
        let news = self.absorb(name, &message.said, |_| took - fastest, Duration::ZERO, now);
        Heard { news, is_back, pull }
    }

    /// Takes a record that was read from the store.
    pub(super) fn read(
        &mut self,
        from: usize,
        record: Option<&Record>,
        name: &NodeId,
        now: Mono,
    ) -> Vec<Change> {
        let sender = &mut self.senders[from];
        sender.missing = false;
        let Some(record) = record else { return Vec::new() };
        sender.seq = sender.seq.max(record.seq);
        self.absorb(name, &record.said, |said| now.since(said.told.at), now.since(record.at), now)
    }

    /// Takes what a node said; gives what of it is news.
    fn absorb(
        &mut self,
        name: &NodeId,
        words: &[(RouteId, Said)],
        age: impl Fn(&Said) -> Duration,
        silence: Duration,
        now: Mono,
    ) -> Vec<Change> {
        let news = words.iter().filter_map(|(route, said)| {
            let vector = said.told.vector.older_by(age(said));
            let register = Register::new(name.clone(), LIFE, said.version, vector).with_silence(silence);
            let is_news = self.peers.accept(route.clone(), &register, now);
            is_news.then(|| Change::new(route.clone(), register))
        });
        news.collect()
    }
}

/// No node is restarted here.
const LIFE: u64 = 1;
const PURPOSE: u64 = 0xea_0000;

#[cfg(test)]
mod tests {
    use atrion_core::{Mode, Ohms};
    use atrion_state::{PhysicsVector, Told};

    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    fn message(seq: u64, sent: u64, scar: Option<f64>) -> Message {
        let said = scar.map(|scar| {
            let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(scar));
            (route(), Said { version: seq, told: Told { vector, at: at(sent) } })
        });
        Message { from: 1, seq, sent: at(sent), said: said.into_iter().collect() }
    }

    fn route() -> RouteId {
        RouteId::new("r").unwrap()
    }

    struct Stage {
        ear: Ear,
        name: NodeId,
    }

    impl Stage {
        fn new() -> Self {
            Self { ear: Ear::new(0, 2, Liveness::default(), 1), name: NodeId::new("node-1").unwrap() }
        }

        fn hear(&mut self, message: &Message, millis: u64) -> Heard {
            self.ear.hear(message, &self.name, at(millis))
        }
    }

    #[test]
    fn a_gap_is_read_from_the_store_once_after_one_to_two_seconds() {
        let mut stage = Stage::new();
        assert_eq!(stage.hear(&message(1, 0, None), 2), Heard::default());
        let pull = stage.hear(&message(3, 100, None), 102).pull.unwrap();
        assert!((at(1_102)..at(2_102)).contains(&pull));
        assert_eq!(stage.hear(&message(5, 200, None), 202).pull, None);
        let record = Record { seq: 5, at: at(1_000), said: message(4, 150, Some(7.0)).said };
        let read = stage.ear.read(1, Some(&record), &stage.name, at(1_500));
        assert_eq!(read[0].register.vector.age, Duration::from_millis(1_350));
        assert_eq!(stage.hear(&message(6, 1_600, None), 1_602).pull, None);
    }

    #[test]
    fn what_a_message_took_longer_than_the_quickest_is_its_age() {
        let mut stage = Stage::new();
        stage.hear(&message(1, 0, None), 2);
        let late = stage.hear(&message(2, 100, Some(9.0)), 602).news;
        assert_eq!(late[0].register.vector.age, Duration::from_millis(500));
    }

    #[test]
    fn a_node_that_was_silent_for_too_long_is_back_with_its_next_word() {
        let mut stage = Stage::new();
        assert!(!stage.hear(&message(1, 0, Some(5.0)), 2).is_back);
        assert!(!stage.hear(&message(2, 5_000, None), 5_002).is_back);
        assert!(stage.ear.view(&route(), at(20_000)).is_empty());
        assert!(stage.hear(&message(3, 20_000, None), 20_002).is_back);
        assert_eq!(stage.ear.view(&route(), at(20_003)).len(), 1);
    }
}
