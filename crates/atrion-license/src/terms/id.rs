// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The name of a license: a ULID.

use std::fmt;
use std::str::FromStr;

use super::TermError;

/// The name of one license: a ULID, 26 characters of Crockford's base 32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenseId(String);

impl LicenseId {
    /// The 26 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A ULID from milliseconds since 1970 (48 bits) and 80 random bits.
    pub fn from_parts(milliseconds: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        let bits = u128::from_be_bytes(bytes);
        // 26 digits of 5 bits: the first one holds the 3 bits that are left of 128.
        let digit = |place: u32| char::from(CROCKFORD[usize::from((bits >> (5 * place)) as u8 & 31)]);
        Self((0..26).rev().map(digit).collect())
    }
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl FromStr for LicenseId {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        let is_ulid = text.len() == 26
            && text.bytes().all(|byte| CROCKFORD.contains(&byte))
            // More than 7 would not fit into 128 bits.
            && text.bytes().next() <= Some(b'7');
        if is_ulid {
            Ok(Self(text.to_owned()))
        } else {
            Err(TermError { expected: "a ULID, 26 letters and digits" })
        }
    }
}

impl fmt::Display for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_is_26_digits_that_fit_into_128_bits() {
        let id = LicenseId::from_parts(1_469_918_176_385, [0xff; 10]);
        assert_eq!(id.as_str(), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
        assert_eq!(id.as_str().parse::<LicenseId>(), Ok(id));
        assert_eq!(LicenseId::from_parts(u64::MAX, [0xff; 10]).as_str(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        for wrong in [
            "",
            "01ARYZ6S41ZZZZZZZZZZZZZZZ",
            "81ARYZ6S41ZZZZZZZZZZZZZZZZ",
            "01aryz6s41zzzzzzzzzzzzzzzz",
            "01ARYZ6S41ZZZZZZZZZZZZZZZI",
        ] {
            assert!(wrong.parse::<LicenseId>().is_err(), "{wrong}");
        }
    }
}
