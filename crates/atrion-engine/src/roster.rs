// SPDX-License-Identifier: Apache-2.0
//! The pulse's own list of routes: it walks it every tick, tells what has changed, and forgets what
//! is gone.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Ohms, Wall};
use atrion_state::{Event, Fanout, News, Observer, StateManager, Told};

use crate::cell::RouteCell;
use crate::live::Force;
use crate::peers::PeerReader;
use crate::physics::{Computed, Given, TickCache};
use crate::registry::Registry;
use crate::shedding::{Shedding, Turn};
use crate::signal::Strongest;

/// Everything a beat needs beside the routes.
pub(crate) struct Beat<'a> {
    pub(crate) peers: Option<&'a PeerReader<'a>>,
    pub(crate) now: Mono,
    pub(crate) wall: Wall,
    pub(crate) interval: Duration,
    /// How long the pulse was away before this beat, if it was.
    pub(crate) absent: Duration,
    pub(crate) signals: &'a Strongest,
    pub(crate) manager: &'a StateManager,
    pub(crate) observers: &'a Fanout,
}

#[derive(Debug)]
pub(crate) struct Roster {
    members: Vec<Member>,
    beaten_at: Mono,
    beats: usize,
    ticks: TickCache,
}

#[derive(Debug)]
struct Member {
    cell: Arc<RouteCell>,
    shedding: Option<Box<Shedding>>,
    /// What the cache was told last.
    recorded: Option<Box<Told>>,
}

/// Untouched routes are looked at once in this many beats all the same: the flag that says
/// "touched" is set and cleared without a fence, and this is what mends a lost one.
const SWEEP: usize = 16;

/// A neutral route must have been quiet for this long before it may be forgotten.
const FORGETTABLE: Duration = Duration::from_secs(10);

impl Roster {
    pub(crate) fn new(now: Mono) -> Self {
        Self { members: Vec::new(), beaten_at: now, beats: 0, ticks: TickCache::default() }
    }

    pub(crate) fn enlist(&mut self, fresh: Vec<Arc<RouteCell>>) {
        self.members.extend(fresh.into_iter().map(|cell| Member { cell, shedding: None, recorded: None }));
    }

    /// One tick for every route that needs one; returns how many did. `rests` is told of each that
    /// needs none for now and of which peers still speak.
    pub(crate) fn beat(&mut self, beat: &Beat<'_>, mut rests: impl FnMut(&Arc<RouteCell>)) -> usize {
        self.beats = self.beats.wrapping_add(1);
        let (turn, ticks) = (self.beats % SWEEP, &mut self.ticks);
        // A request to a quiet route comes after the beat that found it quiet: after a late beat
        // the window is longer.
        let window = beat.interval.max(beat.now.since(self.beaten_at));
        self.beaten_at = beat.now;
        let mut computed = 0;
        for (i, member) in self.members.iter_mut().enumerate() {
            if member.cell.live().is_touched() || (i % SWEEP == turn && member.cell.live().has_news()) {
                if member.compute(beat, window, ticks) {
                    rests(&member.cell);
                }
                computed += 1;
            } else if member.shedding.is_some() {
                member.tell_of_shedding(beat, Ohms::ZERO, 0, 0);
            }
        }
        computed
    }

    /// Makes room: forgets up to `wanted` neutral routes, those that have been quiet longest first,
    /// and of which no handle is left.
    pub(crate) fn evict(&mut self, wanted: u64, now: Mono, registry: &Registry, manager: &StateManager) {
        let mut quiet: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.is_forgettable(now) && registry.lists(&member.cell))
            .map(|member| (member.cell.physics().last_step(), Arc::clone(&member.cell)))
            .collect();
        quiet.sort_by_key(|(since, _)| *since);
        quiet.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        for (_, cell) in &quiet {
            if registry.remove(cell.id()) {
                manager.remove(cell.id());
            }
        }
        drop(quiet);
        // A handle that was taken in the last instant stays valid, and its route keeps its ticks:
        // it leaves with its last handle. (The registry's map lets go of what was removed a little
        // later, so some leave only with the next eviction.)
        self.members.retain(|member| registry.lists(&member.cell) || Arc::strong_count(&member.cell) > 1);
    }
}

impl Member {
    /// Whether the route rests and peers still speak of it.
    fn compute(&mut self, beat: &Beat<'_>, window: Duration, ticks: &mut TickCache) -> bool {
        let cell = &self.cell;
        let (now, absent) = (beat.now, beat.absent);
        let signalled = beat.signals.at(cell.id());
        let given = Given { now, interval: window, absent, report: None, signalled };
        let computed = cell.compute(&given, beat.peers, ticks);
        let vector = computed.vector.with_timestamp(beat.wall);
        if computed.is_quiet {
            cell.live().clear_touch();
        }
        if self.recorded.as_ref().is_none_or(|last| last.news(&vector, beat.now) > News::None) {
            // A fresh route that is as it was made has nothing to tell.
            if self.recorded.is_some() || !vector.is_blank() {
                beat.manager.record(cell.id(), vector, beat.now);
                self.recorded = Some(Box::new(Told { vector, at: beat.now }));
            }
        }
        if !beat.observers.is_empty() {
            self.report(beat, &computed);
        }
        computed.is_quiet && computed.hears
    }

    fn report(&mut self, beat: &Beat<'_>, computed: &Computed) {
        let route = || self.cell.id().clone();
        let tell = |event: Event| beat.observers.on_event(&event);
        let Computed { from, to, counted, .. } = computed;
        let resistance = computed.vector.resistance;
        if from != to {
            tell(Event::ModeChanged { route: route(), from: *from, to: *to, resistance });
        }
        if let Some(moved) = computed.moved {
            tell(moved.event(route()));
        }
        let (shed, admitted) = (counted.refusals(), counted.admissions());
        // In shadow mode nothing was met: there it is what the route resists at rest.
        let met = self.cell.take_met().unwrap_or(resistance);
        self.tell_of_shedding(beat, met, shed, admitted);
    }

    /// Also for a route that needs no tick: shedding ends by time.
    fn tell_of_shedding(&mut self, beat: &Beat<'_>, resistance: Ohms, shed: u64, admitted: u64) {
        let Some(turn) = Shedding::step(&mut self.shedding, beat.now, shed, admitted) else { return };
        let route = self.cell.id().clone();
        beat.observers.on_event(&match turn {
            Turn::Started => Event::SheddingStarted { route, resistance, shed, admitted },
            Turn::Stopped { shed, admitted, lasted } => {
                Event::SheddingStopped { route, shed, admitted, lasted }
            }
        });
    }

    fn is_forgettable(&self, now: Mono) -> bool {
        // Two owners: the registry and this list. A third is a caller's handle or a permit.
        if Arc::strong_count(&self.cell) > 2 || self.cell.is_overflow() {
            return false;
        }
        let live = self.cell.live();
        // What an operator has set on a route must not be forgotten with it.
        if live.is_touched() || live.has_news() || live.control().force() != Force::None {
            return false;
        }
        let last_step = self.cell.physics().last_step();
        // A step in the future: the clock has gone back since.
        last_step > now || now.since(last_step) >= FORGETTABLE
    }
}
