// SPDX-License-Identifier: Apache-2.0
//! What the other nodes of a fleet say of the tenants of a route, merged.
//!
//! A tenant's claims go by its work on the whole fleet, so what peers say is added to what the node
//! has seen itself. Nobody can check what a peer says. So what one peer says of a tenant counts for
//! no more than what another node, or this one, has seen of it: one that lies can at most double
//! what a tenant counts for, and a tenant that is heavy at one node alone is that node's affair.

/// What peers say of one tenant, in units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Heard {
    largest: f32,
    second: f32,
    /// The sum of all others.
    rest: f32,
}

impl Heard {
    /// With what one more peer says.
    #[must_use]
    pub fn and(self, units: f32) -> Self {
        let Self { largest, second, rest } = self;
        if units > largest {
            Self { largest: units, second: largest, rest: rest + second }
        } else if units > second {
            Self { largest, second: units, rest: rest + second }
        } else {
            Self { rest: rest + units, ..self }
        }
    }

    /// The tenant's work on the whole fleet, where the node itself has seen `own` of it.
    #[must_use]
    pub fn with(self, own: f64) -> f64 {
        let [largest, second, rest] = [self.largest, self.second, self.rest].map(f64::from);
        own + rest + second + largest.min(second.max(own))
    }
}

/// What peers say of the tenants of a route: of the heaviest [`MOST`](Self::MOST).
#[derive(Debug, Clone, PartialEq)]
pub struct HeardTenants {
    words: [u32; Self::MOST],
    heard: [Heard; Self::MOST],
    count: usize,
}

impl HeardTenants {
    /// So many tenants are told apart, however many nodes there are.
    pub const MOST: usize = 64;

    /// What peers say, each statement a tenant's word and its units, in any order. `None`: nothing.
    ///
    /// Where peers speak of more tenants, those count that most is said of by more than one peer.
    #[must_use]
    pub fn of(said: &mut [(u32, f32)]) -> Option<Self> {
        said.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        let mut all = Self { words: [0; Self::MOST], heard: [Heard::default(); Self::MOST], count: 0 };
        for of_one in said.chunk_by(|one, other| one.0 == other.0) {
            let heard = of_one.iter().fold(Heard::default(), |heard, (_, units)| heard.and(*units));
            if let Some((word, _)) = of_one.first() {
                all.take(*word, heard);
            }
        }
        (all.count > 0).then_some(all)
    }

    /// A tenant's work on the whole fleet, where the node itself has seen `own` of it.
    #[must_use]
    pub fn work(&self, word: u32, own: f64) -> f64 {
        let known = self.words.get(..self.count).and_then(|words| words.binary_search(&word).ok());
        known.and_then(|place| self.heard.get(place)).map_or(own, |heard| heard.with(own))
    }

    /// Words come in rising order, and stay so.
    fn take(&mut self, word: u32, heard: Heard) {
        if self.count == Self::MOST {
            let sure = |nth: usize| self.heard[nth].with(0.0);
            let least = (0..Self::MOST).min_by(|one, other| sure(*one).total_cmp(&sure(*other)));
            let Some(least) = least.filter(|least| sure(*least) < heard.with(0.0)) else { return };
            self.words.copy_within(least + 1.., least);
            self.heard.copy_within(least + 1.., least);
            self.count -= 1;
        }
        (self.words[self.count], self.heard[self.count]) = (word, heard);
        self.count += 1;
    }
}
