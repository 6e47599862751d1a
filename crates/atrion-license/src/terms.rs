// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a license says, as plain data.
//!
//! Terms alone permit nothing: only a [`License`](crate::License), which exists after a signature
//! was verified, does.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use crate::UnixTime;

mod words;
pub use words::{Environment, Feature, Kind, OnExpiry, TermError, Tier};

mod id;
pub use id::LicenseId;

/// The decoded and checked payload of a license key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// The name of this license in logs, and in the list of revoked ones. Not a secret.
    pub id: LicenseId,
    /// The customer: 1 to 128 characters, none of them a control character.
    pub licensee: String,
    /// What was bought; sets the default of `clusters`.
    pub tier: Tier,
    /// Why it was issued; sets the defaults of `grace_days` and `on_expiry`.
    pub kind: Kind,
    /// Where it may run.
    pub environment: Environment,
    /// How many clusters may use it at a time; `None` is no limit.
    pub clusters: Option<NonZeroU32>,
    /// The names of the clusters that may use it; `None` is any.
    pub audience: Option<Vec<String>>,
    /// The commercial adapters it covers.
    pub features: BTreeSet<Feature>,
    /// When it was signed.
    pub issued: UnixTime,
    /// The first second of its validity; not after `issued`.
    pub not_before: UnixTime,
    /// The first second after its validity; `None` is never, for development keys alone.
    pub expires: Option<UnixTime>,
    /// Days after `expires` in which nothing changes but the log, 0 to 180.
    pub grace_days: u16,
    /// What happens after the grace days.
    pub on_expiry: OnExpiry,
}

impl Terms {
    /// The longest period of grace, in days.
    pub const MAX_GRACE_DAYS: u16 = 180;

    /// Terms of a production contract with the defaults of its tier, valid from `issued` on.
    pub fn new(
        id: LicenseId,
        licensee: impl Into<String>,
        tier: Tier,
        issued: UnixTime,
        expires: UnixTime,
    ) -> Self {
        Self {
            id,
            licensee: licensee.into(),
            tier,
            kind: Kind::Contract,
            environment: Environment::Production,
            clusters: tier.clusters(),
            audience: None,
            features: Feature::ALL.into(),
            issued,
            not_before: issued,
            expires: Some(expires),
            grace_days: Kind::Contract.grace_days(),
            on_expiry: Kind::Contract.on_expiry(),
        }
    }

    /// The same terms for another purpose, with the grace and the end that it has by default.
    #[must_use]
    pub fn with_kind(self, kind: Kind) -> Self {
        Self { kind, grace_days: kind.grace_days(), on_expiry: kind.on_expiry(), ..self }
    }
}
