// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A verified license: the permit that the constructors of commercial adapters take.

use std::sync::Arc;

use crate::redact::Shown;
use crate::{
    Feature, KeyId, LicenseError, LicenseFault, LicenseId, OnExpiry, Signer, Source, Sources, Status, Terms,
    UnixTime, Verifier,
};

/// A license whose signature was verified. Only a [`Verifier`](crate::Verifier) makes one, so a
/// constructor that asks for it cannot forget the check.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct License {
    terms: Arc<Terms>,
    kid: KeyId,
    signer: Signer,
    source: Source,
}

impl License {
    /// The license of this process: from `ATRION_LICENSE_KEY`, else from the file that
    /// `ATRION_LICENSE_FILE` names, else from `/etc/atrion/license.key`. The first that is present
    /// decides; if it is invalid, the next one is not tried.
    ///
    /// Reads a small file and no clock: an expired license is returned as well.
    ///
    /// # Errors
    /// What is wrong, and with which source.
    pub fn from_env() -> Result<Self, LicenseFault> {
        Sources::standard().read().verify(&Verifier::embedded())
    }

    pub(crate) fn verified(terms: Terms, kid: KeyId, signer: Signer) -> Self {
        Self { terms: Arc::new(terms), kid, signer, source: Source::Code }
    }

    pub(crate) fn found_in(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// All that the license says.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Its name in logs.
    pub fn id(&self) -> &LicenseId {
        &self.terms.id
    }

    /// The id of the key that signed it.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// Whose key that is.
    pub fn signer(&self) -> Signer {
        self.signer
    }

    /// Where it was found.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What its age means at `now`.
    pub fn status(&self, now: UnixTime) -> Status {
        Status::of(&self.terms, now)
    }

    /// Whether its days of grace are over and its terms say that it then ends: the next
    /// construction falls back to memory. What was constructed before runs on.
    pub fn has_lapsed(&self, now: UnixTime) -> bool {
        matches!(self.status(now), Status::Expired { .. }) && self.terms.on_expiry == OnExpiry::Degrade
    }

    /// Whether an adapter may be constructed at `now` for the cluster of this name.
    ///
    /// The number of clusters does not matter here: above the limit there is an error in the log
    /// and a gauge, never a refusal.
    ///
    /// # Errors
    /// `FeatureNotLicensed`, `WrongCluster` if the license is bound to other names, `Lapsed` after
    /// the grace of a trial or an evaluation.
    pub fn permits(&self, feature: Feature, cluster: &str, now: UnixTime) -> Result<(), LicenseError> {
        let terms = &*self.terms;
        let id = || terms.id.clone();
        if !terms.features.contains(&feature) {
            return Err(LicenseError::FeatureNotLicensed { feature, id: id() });
        }
        if terms.audience.as_ref().is_some_and(|names| names.iter().all(|name| name != cluster)) {
            return Err(LicenseError::WrongCluster { cluster: Shown::new(cluster), id: id() });
        }
        match terms.expires {
            Some(expired) if self.has_lapsed(now) => Err(LicenseError::Lapsed { id: id(), expired }),
            _ => Ok(()),
        }
    }
}
