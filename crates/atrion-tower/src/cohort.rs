// SPDX-License-Identifier: Apache-2.0
//! Requests that are admitted or refused together.

use atrion_core::fnv1a;

/// A cohort as a request extension: all requests of one cohort get the same answer for five
/// seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cohort(u64);

impl Cohort {
    /// Makes the cohort of a user, session or tenant from its id. The same id gives the same cohort
    /// in every process and version (FNV-1a).
    #[must_use]
    pub fn of(id: impl AsRef<[u8]>) -> Self {
        Self(fnv1a(id.as_ref()))
    }

    /// Makes a cohort from a key that is a good hash already.
    #[must_use]
    pub const fn from_hash(key: u64) -> Self {
        Self(key)
    }

    /// The key, for [`Priority::cohort`](atrion_core::Priority::cohort).
    #[must_use]
    pub const fn key(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cohort_is_the_same_everywhere() {
        // The published values of FNV-1a, 64 bits.
        assert_eq!(Cohort::of("").key(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Cohort::of("a").key(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Cohort::of("foobar").key(), 0x8594_4171_f739_67e8);
    }
}
