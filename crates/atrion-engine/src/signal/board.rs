// SPDX-License-Identifier: Apache-2.0
//! The signals of an instance, and what they are worth between two pulses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use atrion_core::{Mono, SignalName, SignalPressure};
use atrion_state::{Clock, Event, RouteId, SignalFault, lock};

use super::slot::Slot;
use super::{Gauge, Meaning, Signal, SignalError, SignalSnapshot, Signalled};

/// All signals of an instance.
#[derive(Default)]
pub(crate) struct Board {
    signals: Mutex<Signals>,
    strongest: ArcSwap<Strongest>,
}

#[derive(Default)]
struct Signals {
    members: Vec<Member>,
    ticked: Option<Mono>,
}

struct Member {
    slot: Arc<Slot>,
    pressure: SignalPressure,
    /// Since when it has had no number, and why.
    lost: Option<(Mono, SignalFault)>,
}

/// The strongest signal of each gate, as of a pulse.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Strongest {
    all: Option<Signalled>,
    some: BTreeMap<RouteId, Signalled>,
}

/// Whose gates have to be made anew.
#[derive(Debug, PartialEq)]
pub(crate) enum Moved {
    None,
    These(Vec<RouteId>),
    All,
}

/// More signals than that are a mistake, such as a name with a number in it.
const MOST: usize = 64;

impl Strongest {
    /// At the gate of that name. What counts for all routes is no affair of a group: a request
    /// passes its route's gate as well, and would meet it twice.
    pub(crate) fn at(&self, gate: &RouteId) -> Option<Signalled> {
        let all = if gate.is_group() { None } else { self.all };
        // Without signals of single gates there is nothing to look up.
        let own = if self.some.is_empty() { None } else { self.some.get(gate).copied() };
        Signalled::stronger(all, own)
    }

    fn add(&mut self, scope: Option<&RouteId>, signalled: Signalled) {
        match scope {
            None => self.all = Signalled::stronger(self.all, Some(signalled)),
            Some(gate) => {
                let known = self.some.entry(gate.clone()).or_insert(signalled);
                if signalled.pressure > known.pressure {
                    *known = signalled;
                }
            }
        }
    }

    fn moved_from(&self, before: &Self) -> Moved {
        if self.all != before.all {
            return Moved::All;
        }
        let gates = self.some.keys().chain(before.some.keys());
        let moved: Vec<_> =
            gates.filter(|gate| self.some.get(*gate) != before.some.get(*gate)).cloned().collect();
        if moved.is_empty() { Moved::None } else { Moved::These(moved) }
    }
}

impl Board {
    /// The signal of that name, made if it is new; otherwise it has this meaning from now on.
    pub(crate) fn signal(
        &self,
        name: &str,
        signal: Signal,
        clock: &Arc<dyn Clock>,
    ) -> Result<Gauge, SignalError> {
        let name = SignalName::new(name)?;
        if name == SignalName::REPORTED {
            return Err(SignalError::Reserved(name));
        }
        let meaning = signal.check()?;
        let members = &mut lock(&self.signals).members;
        if let Some(member) = members.iter().find(|member| member.slot.name() == name) {
            member.slot.change(meaning);
            return Ok(Gauge(Arc::clone(&member.slot)));
        }
        if members.len() >= MOST || super::id_of(name).is_none() {
            return Err(SignalError::TooMany(MOST));
        }
        let slot = Arc::new(Slot::new(name, meaning, Arc::clone(clock)));
        let (pressure, lost) = (SignalPressure::default(), None);
        members.push(Member { slot: Arc::clone(&slot), pressure, lost });
        Ok(Gauge(slot))
    }

    /// As of the latest pulse.
    pub(crate) fn strongest(&self) -> Arc<Strongest> {
        self.strongest.load_full()
    }

    /// Reads every gauge. Says whose gates that moves, and what there is to tell.
    pub(crate) fn tick(&self, now: Mono) -> (Moved, Vec<Event>) {
        let mut events = Vec::new();
        let mut signals = lock(&self.signals);
        let seconds = signals.ticked.map_or(0.0, |ticked| now.seconds_since(ticked));
        signals.ticked = Some(now);
        if signals.members.is_empty() {
            return (Moved::None, events);
        }
        let mut strongest = Strongest::default();
        for member in &mut signals.members {
            let meaning = member.slot.meaning();
            events.extend(member.step(&meaning, seconds, now));
            let pressure = member.pressure.get();
            if pressure > 0.0 {
                let name = member.slot.name();
                strongest.add(meaning.scope.as_ref(), Signalled { name, pressure });
            }
        }
        drop(signals);
        let moved = strongest.moved_from(&self.strongest.load());
        if moved != Moved::None {
            self.strongest.store(Arc::new(strongest));
        }
        (moved, events)
    }

    /// Every signal at this moment, in the order of their making.
    pub(crate) fn snapshots(&self, now: Mono) -> Vec<SignalSnapshot> {
        lock(&self.signals).members.iter().map(|member| member.snapshot(now)).collect()
    }
}

impl Member {
    /// One tick; what there is to tell of it.
    fn step(&mut self, meaning: &Meaning, seconds: f64, now: Mono) -> Option<Event> {
        let signal = self.slot.name();
        let read = self.slot.read(now);
        let wanted = read.ok().flatten().map_or(0.0, |reading| meaning.curve.pressure(reading));
        self.pressure = self.pressure.step(seconds, wanted);
        match (read, self.lost) {
            (Ok(_), Some((since, _))) => {
                self.lost = None;
                Some(Event::SignalRecovered { signal, outage: now.since(since) })
            }
            (Err(fault), lost) if lost.is_none_or(|(_, known)| known != fault) => {
                self.lost = Some((lost.map_or(now, |(since, _)| since), fault));
                Some(Event::SignalLost { signal, fault })
            }
            _ => None,
        }
    }

    fn snapshot(&self, now: Mono) -> SignalSnapshot {
        let (meaning, read) = (self.slot.meaning(), self.slot.read(now));
        SignalSnapshot {
            name: self.slot.name(),
            route: meaning.scope.clone(),
            reading: read.ok().flatten(),
            target: meaning.curve.target(),
            edge: meaning.curve.edge(),
            pressure: self.pressure.get(),
            fault: read.err(),
        }
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} signals", lock(&self.signals).members.len())
    }
}
