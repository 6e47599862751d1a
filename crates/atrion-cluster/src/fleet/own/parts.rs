// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! How a node's snapshot is cut into parts of about sixty-four routes, and which of them the store
//! has not seen.
//!
//! A part holds the routes whose hashes end in the same bits, and whose scars fade at the same
//! rate, because a message has one rate. The number of parts is a power of two that only grows, so
//! a part's name stays true.

use std::collections::BTreeSet;

use atrion_state::DecayRate;

use crate::wire::RouteHash;

/// Which part a route belongs to, whatever their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::fleet) struct Group {
    /// Of the rate, because rates have no order that is total.
    rate: u64,
    hash: u64,
}

impl Group {
    pub(in crate::fleet) fn of(hash: RouteHash, rate: DecayRate) -> Self {
        Self { rate: rate.get().to_bits(), hash: hash.get() }
    }

    pub(in crate::fleet) fn rate(self) -> DecayRate {
        DecayRate::saturating(f64::from_bits(self.rate))
    }

    /// The number of its part, if parts are told apart by the bits of this mask.
    pub(in crate::fleet) const fn low(self, mask: u64) -> u64 {
        self.hash & mask
    }

    const fn under(self, mask: u64) -> Self {
        Self { hash: self.low(mask), ..self }
    }
}

#[derive(Debug, Clone)]
pub(in crate::fleet) struct Parts {
    /// Invariant: a power of two, at most `MOST`.
    count: u64,
    /// Parts that the store has, as far as is known.
    stored: BTreeSet<Group>,
    dirty: BTreeSet<Group>,
    /// Taken for a write of which the end is not known yet.
    flying: BTreeSet<Group>,
    /// The rate of the first route: its parts have the short names.
    usual: Option<u64>,
}

const ROUTES_A_PART: usize = 64;
/// What the wire can count.
const MOST: u64 = 1 << 15;

impl Default for Parts {
    fn default() -> Self {
        Self {
            count: 1,
            stored: BTreeSet::new(),
            dirty: BTreeSet::new(),
            flying: BTreeSet::new(),
            usual: None,
        }
    }
}

impl Parts {
    pub(in crate::fleet) const fn mask(&self) -> u64 {
        self.count - 1
    }

    pub(in crate::fleet) fn count(&self) -> u16 {
        u16::try_from(self.count).unwrap_or(u16::MAX)
    }

    pub(in crate::fleet) fn touch(&mut self, group: Group) {
        self.usual.get_or_insert(group.rate);
        self.dirty.insert(group.under(self.mask()));
    }

    /// Makes parts for this number of routes. More parts than before means that each holds others:
    /// all are dirty, old names and new ones.
    pub(in crate::fleet) fn grow(&mut self, routes: usize) {
        let wanted = routes.div_ceil(ROUTES_A_PART).next_power_of_two() as u64;
        while self.count < wanted.min(MOST) {
            let half = self.count;
            self.count *= 2;
            let known = self.stored.iter().chain(&self.dirty).chain(&self.flying).copied();
            for group in known.collect::<BTreeSet<_>>() {
                self.dirty.extend([group, Group { hash: group.hash | half, ..group }]);
            }
        }
    }

    /// The dirty parts, for a write that ends with [`stored`](Self::stored) or
    /// [`failed`](Self::failed).
    pub(in crate::fleet) fn take(&mut self) -> Vec<Group> {
        self.flying.append(&mut self.dirty);
        self.flying.iter().copied().collect()
    }

    /// This part holds nothing and is not written.
    pub(in crate::fleet) fn discard(&mut self, group: Group) {
        self.flying.remove(&group);
    }

    /// Rates come and go, and each leaves parts behind that hold nothing any more. If that are
    /// many, the record is better written anew.
    pub(in crate::fleet) fn is_sprawling(&self) -> bool {
        self.stored.len() as u64 > 2 * self.count + 64
    }

    /// How many parts the record has once what was taken is stored, as far as is known.
    pub(in crate::fleet) fn in_record(&self) -> u16 {
        let new = self.flying.difference(&self.stored).count();
        u16::try_from(self.stored.len() + new).unwrap_or(u16::MAX)
    }

    /// The write failed, or its end is not known.
    pub(in crate::fleet) fn failed(&mut self) {
        self.dirty.append(&mut self.flying);
    }

    /// The write succeeded; says how many parts the store did not have before, as far as was known.
    pub(in crate::fleet) fn stored(&mut self) -> usize {
        let before = self.stored.len();
        self.stored.append(&mut self.flying);
        self.stored.len() - before
    }

    /// The store is to get everything, whatever it has.
    pub(in crate::fleet) fn renew(&mut self) {
        self.dirty.append(&mut self.stored);
    }

    /// The part's name in the record.
    pub(in crate::fleet) fn field(&self, group: Group) -> String {
        let number = group.low(self.mask());
        if self.usual == Some(group.rate) {
            format!("p{number:x}")
        } else {
            format!("p{number:x}.{:x}", group.rate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(hash: u64, rate: f64) -> Group {
        Group::of(RouteHash::from_u64(hash), DecayRate::saturating(rate))
    }

    fn names(parts: &Parts, taken: &[Group]) -> Vec<String> {
        let mut names: Vec<_> = taken.iter().map(|group| parts.field(*group)).collect();
        names.sort();
        names
    }

    #[test]
    fn routes_share_a_part_by_their_low_bits_and_their_rate() {
        let mut parts = Parts::default();
        parts.grow(200);
        assert_eq!((parts.count(), parts.mask()), (4, 3));
        let _ = [group(0x10, 0.5), group(0x14, 0.5), group(0x13, 0.5), group(0x14, 0.1)]
            .map(|group| parts.touch(group));
        let taken = parts.take();
        assert_eq!(names(&parts, &taken), ["p0", &format!("p0.{:x}", 0.1f64.to_bits()), "p3"]);
        assert_eq!((parts.stored(), parts.take().len()), (3, 0));
    }

    #[test]
    fn more_routes_cut_every_part_anew() {
        let mut parts = Parts::default();
        parts.touch(group(0b01, 0.5));
        parts.take();
        assert_eq!(parts.stored(), 1);
        parts.grow(64);
        assert_eq!(parts.take(), [], "sixty-four routes fit");
        parts.grow(65);
        let both = parts.take();
        assert_eq!(names(&parts, &both), ["p0", "p1"]);
        assert_eq!(parts.stored(), 1, "p1 is new");
    }

    #[test]
    fn a_part_that_is_on_its_way_when_it_is_cut_is_written_again_whole() {
        let mut parts = Parts::default();
        parts.touch(group(0b01, 0.5));
        parts.take();
        parts.grow(65);
        parts.failed();
        let both = parts.take();
        assert_eq!(names(&parts, &both), ["p0", "p1"]);
    }

    #[test]
    fn what_failed_is_dirty_again_and_a_lost_store_gets_everything() {
        let mut parts = Parts::default();
        parts.touch(group(0, 0.5));
        let taken = parts.take();
        parts.failed();
        assert_eq!(parts.take(), taken);
        assert_eq!(parts.stored(), 1);
        parts.renew();
        assert_eq!(parts.take(), taken);
        assert_eq!(parts.stored(), 1);
    }
}
