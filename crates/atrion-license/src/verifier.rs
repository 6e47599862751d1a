// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! From a key to a license: the one place that makes a [`License`].
//!
//! Pure: no clock, no file, no network. An expired key verifies; what its age means is for
//! [`License::status`] to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::{KeyId, License, LicenseError, LicenseId, LicenseKey, PublicKey, Signer, payload};

/// Licenses withdrawn as of this release, one id a line.
const REVOKED: &str = include_str!("../keys/revoked.txt");

/// The keys that a build trusts and the licenses that it does not.
#[derive(Clone, Debug)]
pub struct Verifier {
    trusted: BTreeMap<KeyId, (PublicKey, Signer)>,
    revoked: BTreeSet<LicenseId>,
}

impl Verifier {
    /// What this build trusts: the vendor's keys and, with the feature `development-keys`, the
    /// development key.
    pub fn embedded() -> Self {
        let verifier = Self::vendor();
        #[cfg(feature = "development-keys")]
        let verifier = verifier.with(crate::development::public_key(), Signer::Development);
        verifier
    }

    /// The vendor's keys alone, as in a release, whatever the features of this build are.
    pub fn vendor() -> Self {
        let revoked = REVOKED.lines().filter(|line| !line.starts_with('#'));
        let revoked = revoked.filter_map(|line| line.trim().parse().ok()).collect();
        PublicKey::vendor()
            .fold(Self { trusted: BTreeMap::new(), revoked }, |all, key| all.with(Some(key), Signer::Vendor))
    }

    /// Trusts one more key. Only with the feature `issue`: a service trusts what its build embeds.
    #[cfg(feature = "issue")]
    #[must_use]
    pub fn trusting(self, key: PublicKey) -> Self {
        self.with(Some(key), Signer::Given)
    }

    /// Refuses one more license.
    #[must_use]
    pub fn revoking(mut self, id: LicenseId) -> Self {
        self.revoked.insert(id);
        self
    }

    fn with(mut self, key: Option<PublicKey>, signer: Signer) -> Self {
        if let Some(key) = key {
            // A key that is trusted already keeps its id: no other key takes it over.
            self.trusted.entry(key.kid()).or_insert((key, signer));
        }
        self
    }

    /// Verifies a key.
    ///
    /// # Errors
    /// `UnknownKeyId`, `BadSignature`; then, as the payload is read only if its signature holds,
    /// `InvalidPayload`, `UnsupportedCritical`, `TierMismatch`, `Revoked`.
    pub fn verify(&self, key: &LicenseKey) -> Result<License, LicenseError> {
        let kid = key.kid();
        let (public, signer) = self.trusted.get(&kid).ok_or(LicenseError::UnknownKeyId { kid })?;
        if !public.holds(key.signed(), key.signature()) {
            return Err(LicenseError::BadSignature);
        }
        let terms = payload::parse(key.payload())?;
        if terms.tier != key.tier() {
            return Err(LicenseError::TierMismatch { shown: key.tier(), signed: terms.tier });
        }
        if self.revoked.contains(&terms.id) {
            return Err(LicenseError::Revoked { id: terms.id });
        }
        Ok(License::verified(terms, kid, *signer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_of_revoked_licenses_reads() {
        let lines = REVOKED.lines().filter(|line| !line.starts_with('#'));
        let ids: Vec<LicenseId> = lines.map(|line| line.trim().parse().unwrap()).collect();
        let verifier = Verifier::vendor();
        assert!(!ids.is_empty(), "the list has an entry that keeps its path tested");
        assert!(ids.iter().all(|id| verifier.revoked.contains(id)));
    }

    #[test]
    fn the_vendors_verifier_trusts_the_vendors_keys_and_no_other() {
        let signers: Vec<_> = Verifier::vendor().trusted.into_values().map(|(_, signer)| signer).collect();
        assert_eq!(signers, [Signer::Vendor, Signer::Vendor]);
    }
}
