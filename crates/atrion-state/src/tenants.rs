// SPDX-License-Identifier: Apache-2.0
//! The secret with which tenants' names become numbers.

use std::fmt;
use std::hash::Hasher as _;
// Deprecated in favor of hashers that take no key; a fleet has to agree on one. Its algorithm,
// SipHash-2-4, is part of its contract.
#[allow(deprecated)]
use std::hash::SipHasher;

/// What the processes of a fleet hash the names of tenants with. `Debug` does not show it.
///
/// A name goes nowhere: without the secret nobody can tell which name a number stands for, test a
/// guess, or find a name that shares its number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TenantSecret([u64; 2]);

impl TenantSecret {
    /// The secret of these bytes, which are to be random or a keyed hash themselves.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        let number = u128::from_le_bytes(bytes);
        Self([number as u64, (number >> 64) as u64])
    }

    /// The number of a name, the same in every process with this secret.
    #[must_use]
    pub fn number(&self, name: &[u8]) -> u64 {
        #[allow(deprecated)] // see above
        let mut hasher = SipHasher::new_with_keys(self.0[0], self.0[1]);
        hasher.write(name);
        hasher.finish()
    }

    /// The word for a tenant's key on the wire.
    #[must_use]
    pub fn word(&self, key: u64) -> u32 {
        self.number(&key.to_le_bytes()) as u32
    }
}

impl fmt::Debug for TenantSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_siphash_2_4_and_the_secret_is_not_shown() {
        // The reference vector of SipHash-2-4: key 00..0f, message 00..0e.
        let secret = TenantSecret::new(std::array::from_fn(|at| at as u8));
        let message: [u8; 15] = std::array::from_fn(|at| at as u8);
        assert_eq!(secret.number(&message), 0xa129_ca61_49be_45e5);
        assert_eq!(format!("{secret:?}"), "TenantSecret(..)");
    }
}
