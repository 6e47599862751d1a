// SPDX-License-Identifier: Apache-2.0
//! What a node says to its fleet of the tenants of a route: the heaviest few, in 40 bytes.

/// The heaviest tenants of a route at one node, each with the work that it has asked for of late
/// there ([`RecentWork`](super::RecentWork)).
///
/// A tenant is a word of 32 bits, a keyed hash that the fleet agrees on. Work is told to an eighth
/// of an octave, which is within 4.5 %; less than one unit is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Heaviest {
    // Invariant: sizes above 0 stand first, their words rise; behind them all is 0.
    words: [u32; Self::MOST],
    sizes: [u8; Self::MOST],
}

impl Heaviest {
    /// So many tenants are told.
    pub const MOST: usize = 8;

    /// No tenant.
    pub const NONE: Self = Self { words: [0; Self::MOST], sizes: [0; Self::MOST] };

    /// The heaviest of these, told by word and units. Of two with one word the heavier.
    #[must_use]
    pub fn of(tenants: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let mut heaviest = Self::NONE;
        for (word, units) in tenants {
            heaviest.offer(word, size(units));
        }
        heaviest.in_order()
    }

    /// The tenants of these words and sizes, as [`sizes`](Self::sizes) gives them. `None` where it
    /// gives no such list: of none or too many, with a size of 0, or with words that do not rise.
    #[must_use]
    pub fn from_sizes(sizes: &[(u32, u8)]) -> Option<Self> {
        let rises = sizes.windows(2).all(|pair| matches!(pair, [(one, _), (next, _)] if one < next));
        let told = !sizes.is_empty() && sizes.len() <= Self::MOST && sizes.iter().all(|(_, size)| *size > 0);
        (rises && told).then(|| {
            let mut heaviest = Self::NONE;
            let places = heaviest.words.iter_mut().zip(&mut heaviest.sizes);
            for ((to_word, to_size), (word, size)) in places.zip(sizes) {
                (*to_word, *to_size) = (*word, *size);
            }
            heaviest
        })
    }

    /// Each tenant's word, in rising order, with its work in eighths of an octave from 1 unit on:
    /// 1 is one unit, 9 are two.
    pub fn sizes(&self) -> impl Iterator<Item = (u32, u8)> + use<> {
        self.words.into_iter().zip(self.sizes).take_while(|(_, size)| *size > 0)
    }

    /// Each tenant's word with its work in units.
    pub fn units(&self) -> impl Iterator<Item = (u32, f64)> + use<> {
        self.sizes().map(|(word, size)| (word, libm::exp2(f64::from(size - 1) / 8.0)))
    }

    /// The least work among them, in units; 0 where there is room for another tenant.
    #[must_use]
    pub fn least(&self) -> f64 {
        if self.sizes().count() < Self::MOST {
            return 0.0;
        }
        self.units().map(|(_, units)| units).fold(f64::INFINITY, f64::min)
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.sizes[0] == 0
    }

    fn offer(&mut self, word: u32, size: u8) {
        let known = self.words.iter().zip(&self.sizes).position(|(w, size)| *w == word && *size > 0);
        let least = || (0..Self::MOST).min_by_key(|nth| self.sizes[*nth]);
        let Some(place) = known.or_else(least) else { return };
        if size > self.sizes[place] {
            (self.words[place], self.sizes[place]) = (word, size);
        }
    }

    fn in_order(self) -> Self {
        let mut told = [(false, 0, 0); Self::MOST];
        for (place, (word, size)) in told.iter_mut().zip(self.words.into_iter().zip(self.sizes)) {
            *place = (size == 0, word, size);
        }
        told.sort_unstable();
        Self { words: told.map(|(_, word, _)| word), sizes: told.map(|(_, _, size)| size) }
    }
}

fn size(units: f64) -> u8 {
    // NaN is no work; the cast saturates.
    if units >= 1.0 { (8.0 * libm::log2(units) + 1.5) as u8 } else { 0 }
}
