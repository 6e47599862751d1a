// SPDX-License-Identifier: Apache-2.0
//! Who is next: the order of the requests that wait at one gate. It takes times and gives values
//! back; it knows no clock, no lock, no gate and no task.
//!
//! Tiers come before each other, the most important first. Inside of a tier the oldest is next,
//! because that makes the longest wait as short as it can be: a burst that drains within
//! everyone's patience is served whole. From the moment that someone's patience ends unserved, the
//! newest of that tier is next, until none of it waits any more. First come, first served would
//! then let everyone wait for nearly as long as it may, and serve it with nothing left of its
//! deadline; the newest has its time still before it, and as many are served either way.
//!
//! Nobody waits behind one that cannot pass: those whose voltage the gate does not take are left
//! out until it does.

use std::collections::{BTreeMap, BTreeSet};

use atrion_core::{Mono, Tier, Volts};

use crate::live::{TIERS, tier_index};

/// How many may wait at one gate. One more takes the place of the least important, or is that.
pub(crate) const MOST: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Line<W> {
    /// The most important tier first.
    bands: [Band<W>; TIERS],
    /// When the patience of each ends.
    ends: BTreeSet<(Mono, Place)>,
    joined: u64,
}

#[derive(Debug)]
struct Band<W> {
    waiters: BTreeMap<u64, Waiter<W>>,
    /// A waiter's patience has ended here, and the line has not been empty since.
    is_overloaded: bool,
}

#[derive(Debug)]
pub(crate) struct Waiter<W> {
    pub(crate) volts: Volts,
    /// When its patience ends.
    pub(crate) end: Mono,
    pub(crate) who: W,
}

/// A place in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    band: usize,
    number: u64,
}

/// What the gates say to one that waits.
#[derive(Debug)]
pub(crate) enum Answer<G> {
    /// It passes, with this.
    Passes(G),
    /// Not now, and none of its voltage or a lower one does.
    Blocked,
    /// Not now, for a reason of its own.
    Skipped,
    /// It need not wait any longer.
    Ends,
}

impl<W> Line<W> {
    pub(crate) fn new() -> Self {
        let band = || Band { waiters: BTreeMap::new(), is_overloaded: false };
        Self { bands: std::array::from_fn(|_| band()), ends: BTreeSet::new(), joined: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The end that comes first.
    pub(crate) fn soonest(&self) -> Option<Mono> {
        self.ends.first().map(|(end, _)| *end)
    }

    pub(crate) fn waiters(&self) -> impl Iterator<Item = &Waiter<W>> {
        self.bands.iter().flat_map(|band| band.waiters.values())
    }

    /// Gives the newcomer a place. Where there is none left, the one that would be served last has
    /// to go; it is given back, without a place if it is the newcomer.
    pub(crate) fn join(&mut self, waiter: Waiter<W>) -> (Option<Place>, Option<Waiter<W>>) {
        let place = Place { band: tier_index(Tier::of(waiter.volts)), number: self.joined };
        let mut gone = None;
        if self.len() >= MOST {
            match self.last().filter(|last| self.is_served_before(place, *last)) {
                Some(last) => gone = self.leave(last),
                None => return (None, Some(waiter)),
            }
        }
        self.joined += 1;
        self.ends.insert((waiter.end, place));
        self.bands[place.band].waiters.insert(place.number, waiter);
        (Some(place), gone)
    }

    /// Takes one out of the line, if it still waits.
    pub(crate) fn leave(&mut self, place: Place) -> Option<Waiter<W>> {
        let band = &mut self.bands[place.band];
        let waiter = band.waiters.remove(&place.number)?;
        band.is_overloaded &= !band.waiters.is_empty();
        self.ends.remove(&(waiter.end, place));
        Some(waiter)
    }

    /// Takes out one whose patience is over.
    pub(crate) fn give_up(&mut self, now: Mono) -> Option<Waiter<W>> {
        let (end, place) = *self.ends.first()?;
        if now < end {
            return None;
        }
        self.bands[place.band].is_overloaded = true;
        self.leave(place)
    }

    /// Takes out the next that may pass or need not wait, with what it was given. `ask` puts the
    /// question to the gates, as rarely as the order allows.
    pub(crate) fn next<G>(
        &mut self,
        mut ask: impl FnMut(&Waiter<W>) -> Answer<G>,
    ) -> Option<(Waiter<W>, Option<G>)> {
        // The highest voltage that the gate has refused.
        let mut refused = f64::NEG_INFINITY;
        let mut found = None;
        'all: for (band, tier) in Tier::ALL.into_iter().enumerate() {
            if tier.band().1 <= refused {
                break;
            }
            for (number, waiter) in self.bands[band].in_order() {
                if waiter.volts.get() <= refused {
                    continue;
                }
                let given = match ask(waiter) {
                    Answer::Passes(given) => Some(given),
                    Answer::Ends => None,
                    Answer::Skipped => continue,
                    Answer::Blocked => {
                        refused = waiter.volts.get();
                        continue;
                    }
                };
                found = Some((Place { band, number: *number }, given));
                break 'all;
            }
        }
        let (place, given) = found?;
        self.leave(place).map(|waiter| (waiter, given))
    }

    /// The place that would be served last.
    fn last(&self) -> Option<Place> {
        let (band, waiting) = self.bands.iter().enumerate().rfind(|(_, band)| !band.waiters.is_empty())?;
        let number = if waiting.is_overloaded {
            waiting.waiters.first_key_value()
        } else {
            waiting.waiters.last_key_value()
        };
        Some(Place { band, number: *number?.0 })
    }

    fn is_served_before(&self, newcomer: Place, last: Place) -> bool {
        newcomer.band < last.band || (newcomer.band == last.band && self.bands[last.band].is_overloaded)
    }
}

impl<W> Band<W> {
    fn in_order(&self) -> impl Iterator<Item = (&u64, &Waiter<W>)> {
        let (oldest, newest) = if self.is_overloaded {
            (None, Some(self.waiters.iter().rev()))
        } else {
            (Some(self.waiters.iter()), None)
        };
        oldest.into_iter().flatten().chain(newest.into_iter().flatten())
    }
}
