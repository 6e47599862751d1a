// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The public keys whose signatures count.
//!
//! A build embeds the vendor's active key and the next one, so that a change of keys needs no
//! release in a hurry. The ceremony that makes them is in `docs/licensing.md` of the repository.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::KeyId;

/// The vendor's keys: the active one, then the next one.
const VENDOR: [&str; 2] =
    [include_str!("../keys/vendor-active.public"), include_str!("../keys/vendor-next.public")];

/// An Ed25519 public key that is fit to verify with.
///
/// Written `atrion_public_v1.<kid>.<43 characters of base64url>`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kid: KeyId,
    key: VerifyingKey,
}

/// Why bytes are no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The text has another form.
    #[error("this is not a public key: one begins with atrion_public_v1 and has 62 characters more")]
    Malformed,
    /// The id is not that of the key.
    #[error("the public key's id is not the beginning of its SHA-256: copy it again")]
    WrongKeyId,
    /// Not a point of the curve.
    #[error("the public key is not a point of the curve: copy it again")]
    NotAPoint,
    /// The bytes are not the canonical encoding of their point.
    #[error("the public key is not in its canonical encoding: make a new pair")]
    NotCanonical,
    /// Of low order: a signature that holds for any message can be forged.
    #[error("the public key is weak: make a new pair")]
    Weak,
}

/// Whose key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signer {
    /// The vendor.
    Vendor,
    /// The development pair of the repository, which anyone can sign with.
    Development,
    /// A key that the caller chose to trust.
    Given,
}

impl PublicKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// If the bytes are no point, not its canonical encoding, or a point of low order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::NotAPoint)?;
        if !is_canonical(bytes) {
            return Err(PublicKeyError::NotCanonical);
        }
        if key.is_weak() {
            return Err(PublicKeyError::Weak);
        }
        Ok(Self { kid: KeyId::of(bytes), key })
    }

    /// The name of this key.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The vendor's keys that this build embeds.
    ///
    /// Invariant: every line of `VENDOR` reads; a test checks it, so that none is lost here.
    pub(crate) fn vendor() -> impl Iterator<Item = Self> {
        VENDOR.into_iter().filter_map(|line| line.parse().ok())
    }

    /// `verify_strict` and not `verify`: the latter accepts, under a weak key, one signature for
    /// any message, and signatures that can be turned into others.
    pub(crate) fn holds(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// The coordinate y, which the lower 255 bits hold, has to be below p = 2^255 - 19.
///
/// The other second encoding of a point, a sign on x = 0, exists for points of low order alone.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let is_p_or_more =
        bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|b| *b == 0xff) && bytes[0] >= 0xed;
    !is_p_or_more
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let rest = text.trim_ascii().strip_prefix("atrion_public_v1.").ok_or(PublicKeyError::Malformed)?;
        let (kid, key) = rest.split_once('.').ok_or(PublicKeyError::Malformed)?;
        let kid: KeyId = kid.parse().map_err(|_| PublicKeyError::Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(key).map_err(|_| PublicKeyError::Malformed)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| PublicKeyError::Malformed)?;
        if KeyId::of(&bytes) != kid {
            return Err(PublicKeyError::WrongKeyId);
        }
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "atrion_public_v1.{}.{}", self.kid, URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_active_and_next_key_are_embedded_sound_and_distinct() {
        let keys: Vec<_> = PublicKey::vendor().collect();
        assert_eq!(keys.len(), VENDOR.len(), "every line reads");
        assert!(keys.len() >= 2);
        assert_ne!(keys[0].kid(), keys[1].kid());
        for (key, line) in keys.iter().zip(VENDOR) {
            assert_eq!(key.to_string(), line.trim());
        }
    }

    /// The points of low order: the eight of the curve.
    #[test]
    fn weak_keys_are_refused() {
        let eight = curve25519_dalek::constants::EIGHT_TORSION;
        for point in eight {
            assert_eq!(PublicKey::from_bytes(&point.compress().to_bytes()), Err(PublicKeyError::Weak));
        }
    }

    #[test]
    fn other_encodings_of_a_point_are_refused() {
        let mut refused = 0;
        // y = p + k for k in 0..19 fits into 255 bits and is the same as y = k.
        for low in 0xed..=0xff_u8 {
            for sign in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                (bytes[0], bytes[31]) = (low, sign);
                match PublicKey::from_bytes(&bytes) {
                    Err(PublicKeyError::NotCanonical) => refused += 1,
                    other => assert_eq!(other, Err(PublicKeyError::NotAPoint)),
                }
            }
        }
        assert!(refused >= 10, "about half of the 38 are points: {refused}");
    }

    #[test]
    fn the_largest_canonical_encoding_is_told_from_the_smallest_other_one() {
        let mut bytes = [0xff; 32];
        bytes[31] = 0x7f;
        bytes[0] = 0xec;
        assert!(is_canonical(&bytes));
        bytes[0] = 0xed;
        assert!(!is_canonical(&bytes));
    }

    #[test]
    fn a_public_key_with_another_id_or_form_is_refused() {
        let [first, second] = VENDOR.map(str::trim);
        let swapped = format!("{}.{}", &first[..25], &second[26..]);
        assert_eq!(swapped.parse::<PublicKey>(), Err(PublicKeyError::WrongKeyId));
        for wrong in ["", "atrion_public_v1", "atrion_public_v1.fe812c12.AAAA", "atrion_public_v2.x.y"] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(PublicKeyError::Malformed), "{wrong}");
        }
    }
}
