// SPDX-License-Identifier: Apache-2.0
//! What a node says of its routes, and when: only what its peers predict wrongly.
//!
//! Peers know how scars fade. The urgent lane speaks at once, ten times a second at most, of scars that are not where
//! they expect them and of modes that changed; the lazy lane speaks once a heartbeat of evidence that moved, repeats what
//! the urgent one said (a message may be lost), and stores the node's record in the same transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{News, PhysicsVector, RouteId, Told, Weight};

/// One message of a node to all others. Without a word it says that the node lives.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub(super) from: usize,
    /// Rises by one with every message: who sees a gap has missed something.
    pub(super) seq: u64,
    pub(super) sent: Mono,
    pub(super) said: Vec<(RouteId, Said)>,
}

/// One state of a route of the node: one version has one value, in every message and in the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    /// The number of the message in which the route last changed.
    pub(super) version: u64,
    pub(super) told: Told,
}

/// What the store holds of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) seq: u64,
    pub(super) at: Mono,
    pub(super) said: Vec<(RouteId, Said)>,
}

#[derive(Debug)]
pub(super) struct Voice {
    node: usize,
    seq: u64,
    /// Of every route that was put; an engine bounds how many it has. Sorted, so that a life is the same every time.
    words: BTreeMap<RouteId, Word>,
    urgent_due: Mono,
}

/// What there is to say of a route.
#[derive(Debug)]
struct Word {
    vector: PhysicsVector,
    put: Mono,
    said: Option<Said>,
    /// It changed since the urgent lane looked.
    touched: bool,
    /// It was said once, and once may be lost.
    again: bool,
}

impl Voice {
    pub(super) const fn new(node: usize) -> Self {
        Self { node, seq: 0, words: BTreeMap::new(), urgent_due: Mono::ZERO }
    }

    /// Takes the node's state of a route. Nothing is said here: a lane reads it when it speaks.
    pub(super) fn put(&mut self, route: RouteId, vector: PhysicsVector, now: Mono) {
        let new = Word { vector, put: now, said: None, touched: true, again: false };
        self.words
            .entry(route)
            .and_modify(|word| (word.vector, word.put, word.touched) = (vector, now, true))
            .or_insert(new);
    }

    pub(super) fn own(&self, route: &RouteId, now: Mono) -> Option<PhysicsVector> {
        self.words.get(route).map(|word| word.now(now))
    }

    pub(super) fn said_weight(&self, route: &RouteId) -> Option<Weight> {
        Some(self.words.get(route)?.said?.told.vector.weight)
    }

    /// The urgent lane's word, if there is one.
    pub(super) fn urgent(&mut self, now: Mono) -> Option<Message> {
        if now < self.urgent_due || !self.words.values().any(|word| word.touched) {
            return None;
        }
        self.urgent_due = now.after(PULSE);
        let said =
            self.say(true, now, |word| std::mem::take(&mut word.touched) && word.news(now) == News::Urgent);
        (!said.is_empty()).then(|| self.message(said, now))
    }

    /// The lazy lane's word: a heartbeat, with what else there is to say.
    pub(super) fn lazy(&mut self, now: Mono) -> Message {
        let said =
            self.say(false, now, |word| word.again || word.said.is_none() || word.news(now) >= News::Regular);
        self.message(said, now)
    }

    /// What the store is to hold now.
    pub(super) fn record(&self, now: Mono) -> Record {
        let said = self.words.iter().filter_map(|(route, word)| Some((route.clone(), word.said?)));
        Record { seq: self.seq, at: now, said: said.collect() }
    }

    /// Nobody knows what of the last words arrived: the connection is new.
    pub(super) fn doubt(&mut self) {
        for word in self.words.values_mut() {
            word.again = word.said.is_some();
        }
    }

    /// What the next message says: of the routes that are worth it.
    fn say(
        &mut self,
        urgent: bool,
        now: Mono,
        mut is_worth_it: impl FnMut(&mut Word) -> bool,
    ) -> Vec<(RouteId, Said)> {
        let version = self.seq + 1;
        let worth_it = self.words.iter_mut().filter_map(|(route, word)| {
            let word = is_worth_it(word).then_some(word)?;
            let said = Said { version, told: Told { vector: word.now(now), at: now } };
            (word.said, word.again) = (Some(said), urgent);
            Some((route.clone(), said))
        });
        worth_it.collect()
    }

    fn message(&mut self, said: Vec<(RouteId, Said)>, now: Mono) -> Message {
        self.seq += 1;
        Message { from: self.node, seq: self.seq, sent: now, said }
    }
}

impl Word {
    fn now(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.put))
    }

    /// What peers miss of it that is not said.
    fn news(&self, now: Mono) -> News {
        let is = self.now(now);
        self.said.map_or_else(|| News::first(&is), |said| said.told.news(&is, now))
    }
}

/// The urgent lane speaks this often at most.
const PULSE: Duration = Duration::from_millis(100);
#[cfg(test)]
mod tests {
    use atrion_core::{Mode, Ohms};
    use atrion_state::DecayRate;

    use super::*;

    fn scar(ohms: f64) -> PhysicsVector {
        PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::saturating(ohms))
            .with_decay_rate(DecayRate::saturating(0.5))
    }

    fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    fn route(name: &str) -> RouteId {
        RouteId::new(name).unwrap()
    }

    #[test]
    fn a_scar_that_fades_as_everybody_knows_costs_no_urgent_word_and_one_that_jumps_does() {
        let mut voice = Voice::new(0);
        voice.put(route("r"), scar(10.0), at(0));
        assert!(voice.urgent(at(0)).is_some());
        voice.put(route("r"), scar(10.0 * (-0.5f64).exp()), at(1_000));
        assert_eq!(voice.urgent(at(1_000)), None);
        voice.put(route("r"), scar(9.0), at(1_100));
        assert_eq!(voice.urgent(at(1_100)).unwrap().said[0].1.version, 2);
    }

    #[test]
    fn what_was_urgent_is_repeated_once_and_then_there_are_heartbeats() {
        let mut voice = Voice::new(3);
        voice.put(route("r"), scar(10.0), at(0));
        assert!(voice.urgent(at(0)).is_some() && voice.urgent(at(50)).is_none());
        let (again, beat) = (voice.lazy(at(500)), voice.lazy(at(1_500)));
        assert!(!again.said.is_empty() && beat.said.is_empty());
        assert_eq!((again.seq, beat.seq, voice.record(at(1_500)).seq), (2, 3, 3));
    }

    #[test]
    fn the_urgent_lane_speaks_ten_times_a_second_at_most() {
        let mut voice = Voice::new(0);
        let spoken = (1..1_000u64).filter(|millis| {
            voice.put(route("r"), scar(*millis as f64), at(*millis));
            voice.urgent(at(*millis)).is_some()
        });
        assert_eq!(spoken.count(), 10);
    }

    #[test]
    fn a_message_has_the_routes_that_are_worth_a_word_and_no_others() {
        let mut voice = Voice::new(0);
        let routes =
            |said: &[(RouteId, Said)]| said.iter().map(|(route, _)| route.clone()).collect::<Vec<_>>();
        voice.put(route("hurt"), scar(10.0), at(0));
        voice.put(route("well"), scar(0.0), at(0));
        assert_eq!(routes(&voice.urgent(at(0)).unwrap().said), [route("hurt")]);
        assert_eq!(routes(&voice.lazy(at(500)).said), [route("hurt"), route("well")]);
        voice.put(route("well"), scar(5.0), at(600));
        let urgent = voice.urgent(at(600)).unwrap();
        assert_eq!((routes(&urgent.said), urgent.seq), (vec![route("well")], 3));
        let versions: Vec<_> = voice.record(at(700)).said.iter().map(|(_, said)| said.version).collect();
        assert_eq!(versions, [2, 3], "of each the message in which it last changed");
    }
}
