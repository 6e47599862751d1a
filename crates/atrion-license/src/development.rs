// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The development key pair: anyone has its private half. A build without the feature
//! `development-keys` trusts nothing that it signed, and a build with it says so in the log.

use crate::{
    Environment, Kind, LicenseError, LicenseId, LicenseKey, PublicKey, SigningKey, Terms, Tier, UnixTime,
};

/// 32 letters that hide nothing. `keys/development.private` holds the same for the tools.
const SEED: &[u8; 32] = b"atrion development key no secret";

/// The private key of the pair.
pub fn signing_key() -> SigningKey {
    SigningKey::from_seed(SEED)
}

/// The public half; a test checks that there is one.
pub(crate) fn public_key() -> Option<PublicKey> {
    signing_key().public().ok()
}

/// Terms for tests, examples and demos: every feature, no end, not for production.
pub fn terms(tier: Tier) -> Terms {
    // A fixed moment in the past: a key for tests is the same in every run.
    let issued = UnixTime::from_seconds(1_767_225_600);
    let id = LicenseId::from_parts(1_767_225_600_000, *b"atrion-dev");
    let terms = Terms::new(id, "Atrion development", tier, issued, issued).with_kind(Kind::Development);
    Terms { environment: Environment::NonProduction, expires: None, ..terms }
}

/// A key with [`terms`], signed with the development key.
///
/// # Errors
/// None in practice: the terms keep the rules.
pub fn key(tier: Tier) -> Result<LicenseKey, LicenseError> {
    signing_key().issue(&terms(tier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Signer, Verifier};

    #[test]
    fn the_files_of_the_pair_hold_the_pair() {
        assert_eq!(signing_key().reveal(), include_str!("../keys/development.private").trim());
        assert_eq!(public_key().unwrap().to_string(), include_str!("../keys/development.public").trim());
    }

    #[test]
    fn only_a_verifier_with_the_development_key_takes_what_it_signed() {
        for tier in Tier::ALL {
            let key = key(tier).unwrap();
            let license = Verifier::embedded().verify(&key).unwrap();
            assert_eq!((license.signer(), license.terms().tier), (Signer::Development, tier));
            let refused = Verifier::vendor().verify(&key).unwrap_err();
            assert_eq!(refused, LicenseError::UnknownKeyId { kid: signing_key().kid() });
        }
    }
}
