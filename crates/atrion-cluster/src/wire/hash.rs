// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Names as eight bytes: the first eight of their SHA-256, little endian.
//!
//! Not secret and no signature: sixty-four bits of a good hash keep a fleet's few thousand routes
//! apart (for 10,000 routes, one chance in 3 10^11 that any two meet), and tell a foreign cluster's
//! messages from one's own.

use std::fmt;

use atrion_state::RouteId;
use sha2::{Digest as _, Sha256};

fn hash(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(8).rev().fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

/// A route's name as it stands in messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteHash(u64);

impl RouteHash {
    /// The hash of a name. Worth keeping: it costs a SHA-256.
    #[must_use]
    pub fn of(route: &RouteId) -> Self {
        Self(hash(route.as_str()))
    }

    /// A hash that was read somewhere.
    #[must_use]
    pub const fn from_u64(hash: u64) -> Self {
        Self(hash)
    }

    /// The eight bytes as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A cluster's name as it stands in messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterHash(u64);

impl ClusterHash {
    /// The hash of a name.
    #[must_use]
    pub fn of(cluster: &str) -> Self {
        Self(hash(cluster))
    }

    /// A hash that was read somewhere.
    #[must_use]
    pub const fn from_u64(hash: u64) -> Self {
        Self(hash)
    }

    /// The eight bytes as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for RouteHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteHash({:016x})", self.0)
    }
}

impl fmt::Debug for ClusterHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterHash({:016x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_beginning_of_sha_256_little_endian() {
        // SHA-256("abc") begins with ba7816bf 8f01cfea (FIPS 180-4, example 1).
        assert_eq!(ClusterHash::of("abc").get(), u64::from_le_bytes(*b"\xba\x78\x16\xbf\x8f\x01\xcf\xea"));
        assert_eq!(RouteHash::of(&RouteId::new("abc").unwrap()).get(), ClusterHash::of("abc").get());
    }
}
