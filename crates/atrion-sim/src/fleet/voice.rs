// SPDX-License-Identifier: Apache-2.0
//! What a node says of its route, and when: only what its peers predict wrongly.
//!
//! Peers know how scars fade. The urgent lane speaks at once, ten times a second at most, of a scar that is not where
//! they expect it and of a mode that changed; the lazy lane speaks once a heartbeat of evidence that moved, repeats what
//! the urgent one said (a message may be lost), and stores the node's record in the same transaction.

use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{PhysicsVector, Weight};

/// One message of a node to all others. Without a word it says that the node lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Message {
    pub(super) from: usize,
    /// Rises by one with every message: who sees a gap has missed something.
    pub(super) seq: u64,
    pub(super) sent: Mono,
    pub(super) said: Option<Said>,
}

/// One state of the node's route: one version has one value, in every message and in the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    /// The number of the message in which the route last changed.
    pub(super) version: u64,
    /// As it was at `at`.
    pub(super) vector: PhysicsVector,
    pub(super) at: Mono,
}

/// What the store holds of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Record {
    pub(super) seq: u64,
    pub(super) at: Mono,
    pub(super) said: Option<Said>,
}

#[derive(Debug)]
pub(super) struct Voice {
    node: usize,
    seq: u64,
    own: Option<(PhysicsVector, Mono)>,
    said: Option<Said>,
    /// It changed since the urgent lane looked.
    touched: bool,
    /// It was said once, and once may be lost.
    again: bool,
    urgent_due: Mono,
}

impl Said {
    pub(super) fn aged(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.at))
    }
}

impl Voice {
    pub(super) const fn new(node: usize) -> Self {
        Self { node, seq: 0, own: None, said: None, touched: false, again: false, urgent_due: Mono::ZERO }
    }

    /// Takes the node's state. Nothing is said here: a lane reads it when it speaks.
    pub(super) const fn put(&mut self, vector: PhysicsVector, now: Mono) {
        self.own = Some((vector, now));
        self.touched = true;
    }

    pub(super) fn own(&self, now: Mono) -> Option<PhysicsVector> {
        self.own.map(|(vector, at)| vector.older_by(now.since(at)))
    }

    pub(super) fn said_weight(&self) -> Option<Weight> {
        self.said.map(|said| said.vector.weight)
    }

    /// The urgent lane's word, if there is one.
    pub(super) fn urgent(&mut self, now: Mono) -> Option<Message> {
        if !self.touched || now < self.urgent_due {
            return None;
        }
        self.touched = false;
        self.urgent_due = now.after(PULSE);
        let is = self.own(now)?;
        is_urgent(self.said.as_ref(), &is, now).then(|| self.say(is, true, now))
    }

    /// The lazy lane's word: a heartbeat, with what else there is to say.
    pub(super) fn lazy(&mut self, now: Mono) -> Message {
        match self.own(now) {
            Some(is) if self.again || is_due(self.said.as_ref(), &is, now) => self.say(is, false, now),
            _ => Message { from: self.node, seq: self.next(), sent: now, said: None },
        }
    }

    /// What the store is to hold now.
    pub(super) const fn record(&self, now: Mono) -> Record {
        Record { seq: self.seq, at: now, said: self.said }
    }

    /// Nobody knows what of the last words arrived: the connection is new.
    pub(super) const fn doubt(&mut self) {
        self.again = self.said.is_some();
    }

    fn say(&mut self, vector: PhysicsVector, urgent: bool, now: Mono) -> Message {
        let version = self.next();
        let said = Said { version, vector, at: now };
        self.said = Some(said);
        self.again = urgent;
        Message { from: self.node, seq: version, sent: now, said: Some(said) }
    }

    const fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
}

fn is_urgent(said: Option<&Said>, is: &PhysicsVector, now: Mono) -> bool {
    let scar = is.aged_scar().get();
    let Some(said) = said else { return scar > NOTICEABLE };
    let predicted = said.aged(now).aged_scar().get();
    is.mode != said.vector.mode || (scar - predicted).abs() > NOTICEABLE.max(0.01 * scar)
}

fn is_due(said: Option<&Said>, is: &PhysicsVector, now: Mono) -> bool {
    let Some(known) = said else { return true };
    is.weight.as_255ths().abs_diff(known.vector.weight.as_255ths()) > EVIDENCE
        || now.since(known.at) >= REFRESH
        || is_urgent(said, is, now)
}

/// The urgent lane speaks this often at most.
const PULSE: Duration = Duration::from_millis(100);
/// A twentieth of what full trauma scars in one pulse, in ohms.
const NOTICEABLE: f64 = 0.1;
/// A tenth of all evidence.
const EVIDENCE: u8 = 25;
/// Stores forget: what is worth something is said again well before.
const REFRESH: Duration = Duration::from_secs(30);

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

    #[test]
    fn a_scar_that_fades_as_everybody_knows_costs_no_urgent_word_and_one_that_jumps_does() {
        let mut voice = Voice::new(0);
        voice.put(scar(10.0), at(0));
        assert!(voice.urgent(at(0)).is_some());
        voice.put(scar(10.0 * (-0.5f64).exp()), at(1_000));
        assert_eq!(voice.urgent(at(1_000)), None);
        voice.put(scar(9.0), at(1_100));
        assert_eq!(
            voice.urgent(at(1_100)).and_then(|message| message.said).map(|said| said.version),
            Some(2)
        );
    }

    #[test]
    fn what_was_urgent_is_repeated_once_and_then_there_are_heartbeats() {
        let mut voice = Voice::new(3);
        voice.put(scar(10.0), at(0));
        assert!(voice.urgent(at(0)).is_some() && voice.urgent(at(50)).is_none());
        let (again, beat) = (voice.lazy(at(500)), voice.lazy(at(1_500)));
        assert!(again.said.is_some() && beat.said.is_none());
        assert_eq!((again.seq, beat.seq, voice.record(at(1_500)).seq), (2, 3, 3));
    }

    #[test]
    fn the_urgent_lane_speaks_ten_times_a_second_at_most() {
        let mut voice = Voice::new(0);
        let spoken = (1..1_000u64).filter(|millis| {
            voice.put(scar(*millis as f64), at(*millis));
            voice.urgent(at(*millis)).is_some()
        });
        assert_eq!(spoken.count(), 10);
    }
}
