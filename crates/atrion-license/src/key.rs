// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The text of a license key, taken apart but not yet believed.
//!
//! `atrion_<tier>_v1.<kid>.<payload>.<signature>`: the dot separates because the underscore is a
//! letter of base64url. The signature covers the bytes before the last dot as they were received,
//! so that no key can be written in two ways. There is no field for the algorithm: the version is
//! the algorithm.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::{LicenseError, Part, Tier};

/// Text with the form of a license key. Whether it is genuine, a [`Verifier`](crate::Verifier)
/// says.
///
/// It has no `Display` and no `Serialize`, and its `Debug` shows the tier and the signer alone.
///
/// ```
/// use atrion_license::{LicenseError, LicenseKey};
///
/// assert!(matches!("hunter2".parse::<LicenseKey>(), Err(LicenseError::NotAnAtrionKey)));
/// ```
#[derive(Clone)]
pub struct LicenseKey {
    text: String,
    tier: Tier,
    kid: KeyId,
    payload: Vec<u8>,
    signature: [u8; 64],
}

/// The longest text that is looked at, in bytes.
pub(crate) const MAX_TEXT: usize = 8 * 1024;
/// The longest encoded payload, in characters.
pub(crate) const MAX_PAYLOAD: usize = 2_048;
/// The encoded length of 64 bytes.
const SIGNATURE: usize = 86;

impl LicenseKey {
    /// The key itself, a secret.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The visible tier; the signed one is in the payload.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The signer that the key names.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The bytes that the signature covers.
    pub(crate) fn signed(&self) -> &[u8] {
        &self.text.as_bytes()[..self.text.len() - SIGNATURE - 1]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    #[cfg(feature = "issue")]
    pub(crate) fn unsigned(tier: Tier, kid: KeyId, payload: &[u8]) -> String {
        format!("atrion_{}_v1.{kid}.{}", tier.short(), URL_SAFE_NO_PAD.encode(payload))
    }
}

impl FromStr for LicenseKey {
    type Err = LicenseError;

    /// Reads a key; white space around it is ignored.
    fn from_str(text: &str) -> Result<Self, LicenseError> {
        if text.len() > MAX_TEXT {
            return Err(LicenseError::TooLong { part: Part::Text, limit: MAX_TEXT });
        }
        let text = text.trim_ascii();
        let malformed = |part| LicenseError::Malformed { part };

        let mut parts = text.splitn(4, '.');
        let tier = tier(parts.next().unwrap_or_default())?;
        let kid = parts.next().ok_or(malformed(Part::KeyId))?.parse()?;
        let payload = parts.next().ok_or(malformed(Part::Payload))?;
        if payload.len() > MAX_PAYLOAD {
            return Err(LicenseError::TooLong { part: Part::Payload, limit: MAX_PAYLOAD });
        }
        let signature = parts.next().ok_or(malformed(Part::Signature))?;

        // The decoder's error quotes the first wrong symbol of the key, so it is dropped.
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| malformed(Part::Payload))?;
        let signature = Some(signature)
            .filter(|signature| signature.len() == SIGNATURE)
            .and_then(|signature| URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok())
            .ok_or(malformed(Part::Signature))?;
        if payload.is_empty() {
            return Err(malformed(Part::Payload));
        }
        Ok(Self { text: text.to_owned(), tier, kid, payload, signature })
    }
}

/// Reads `atrion_<tier>_v<version>`. The version is judged before the tier: a later version may
/// have other tiers.
fn tier(prefix: &str) -> Result<Tier, LicenseError> {
    let (tier, version) = prefix
        .strip_prefix("atrion_")
        .and_then(|rest| rest.split_once("_v"))
        .ok_or(LicenseError::NotAnAtrionKey)?;
    let is_number =
        version.len() <= 4 && version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
    match version.parse() {
        Ok(1_u16) if is_number => Tier::from_short(tier),
        Ok(version) if is_number => Err(LicenseError::UnsupportedVersion { version }),
        _ => Err(LicenseError::Malformed { part: Part::Version }),
    }
}

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenseKey(atrion_{}_v1.{}.…)", self.tier.short(), self.kid)
    }
}

/// The name of a signer: the first four bytes of the SHA-256 of its public key.
///
/// It selects a key and proves nothing: an unknown one is an error, and no other key is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The name of a public key.
    pub fn of(public: &[u8; 32]) -> Self {
        let hash = Sha256::digest(public);
        Self([hash[0], hash[1], hash[2], hash[3]])
    }
}

impl FromStr for KeyId {
    type Err = LicenseError;

    fn from_str(text: &str) -> Result<Self, LicenseError> {
        let is_hex =
            text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(|n| Self(n.to_be_bytes())).ok_or(LicenseError::Malformed { part: Part::KeyId })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:08x}", u32::from_be_bytes(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(prefix: &str) -> String {
        format!("{prefix}.fe812c12.{}.{}", "QUJD".repeat(20), "A".repeat(86))
    }

    fn error(text: &str) -> LicenseError {
        text.parse::<LicenseKey>().unwrap_err()
    }

    #[test]
    fn a_key_is_shown_by_its_tier_and_its_signer() {
        let key: LicenseKey = text("atrion_pro_v1").parse().unwrap();
        assert_eq!(format!("{key:?}"), "LicenseKey(atrion_pro_v1.fe812c12.…)");
        assert_eq!((key.tier(), key.kid().to_string()), (Tier::Pro, "fe812c12".to_owned()));
        assert_eq!(key.signed().len(), text("atrion_pro_v1").len() - 87);
    }

    #[test]
    fn white_space_around_a_key_is_ignored_and_inside_it_is_not() {
        let good = text("atrion_pro_v1");
        assert_eq!(format!("\n {good}\r\n").parse::<LicenseKey>().unwrap().reveal(), good);
        for at in (0..good.len()).skip(1) {
            for white in [" ", "\n", "\u{a0}", "\t"] {
                let broken = format!("{}{white}{}", &good[..at], &good[at..]);
                assert!(broken.parse::<LicenseKey>().is_err(), "{at}");
            }
        }
    }

    #[test]
    fn the_version_is_judged_before_the_tier() {
        assert_eq!(error(&text("atrion_gold_v2")), LicenseError::UnsupportedVersion { version: 2 });
        assert_eq!(error(&text("atrion_gold_v1")), LicenseError::Malformed { part: Part::Tier });
        for prefix in ["atrion_pro_v", "atrion_pro_v01", "atrion_pro_v+1", "atrion_pro_v99999"] {
            assert_eq!(error(&text(prefix)), LicenseError::Malformed { part: Part::Version }, "{prefix}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(error(""), LicenseError::NotAnAtrionKey);
        assert_eq!(error("ätrion_pro_v1"), LicenseError::NotAnAtrionKey);
        assert_eq!(error("atrion_pro_v1"), LicenseError::Malformed { part: Part::KeyId });
        assert_eq!(error("atrion_pro_v1.FE812C12"), LicenseError::Malformed { part: Part::KeyId });
        assert_eq!(error("atrion_pro_v1.fe812c12"), LicenseError::Malformed { part: Part::Payload });
        assert_eq!(error("atrion_pro_v1.fe812c12.QUJD"), LicenseError::Malformed { part: Part::Signature });
        assert_eq!(error("atrion_pro_v1.fe812c12..AAAA"), LicenseError::Malformed { part: Part::Signature });
    }

    #[test]
    fn lengths_are_bounded() {
        let key = |n: usize| format!("atrion_pro_v1.fe812c12.{}.{}", "A".repeat(n), "A".repeat(86));
        assert!(key(MAX_PAYLOAD).parse::<LicenseKey>().is_ok());
        assert_eq!(
            error(&key(MAX_PAYLOAD + 1)),
            LicenseError::TooLong { part: Part::Payload, limit: MAX_PAYLOAD }
        );
        assert_eq!(
            error(&" ".repeat(MAX_TEXT + 1)),
            LicenseError::TooLong { part: Part::Text, limit: MAX_TEXT }
        );
    }
}
