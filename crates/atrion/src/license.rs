// SPDX-License-Identifier: Apache-2.0
//! License keys, verified offline.

pub use atrion_license::{
    ClusterLedger, Environment, Excess, Feature, KeyId, Kind, Level, License, LicenseError, LicenseFault,
    LicenseId, LicenseKey, OnExpiry, Part, PublicKey, PublicKeyError, Reading, Report, Shown, ShownPath,
    Signal, Signer, Source, Sources, State, Status, TermError, Terms, Tier, Topic, UnixTime, Verifier, Watch,
};

/// A key for an evaluation, which anyone can make. A build with this feature trusts it, and warns
/// in the log that it is used; a release is built without the feature, and refuses it.
///
/// ```
/// use atrion::license::{Tier, development};
///
/// // For `.license(key)` of any commercial builder.
/// let key = development::key(Tier::Pro)?;
/// assert_eq!(key.tier(), Tier::Pro);
/// # Ok::<(), atrion::license::LicenseError>(())
/// ```
#[cfg(feature = "development-keys")]
#[cfg_attr(docsrs, doc(cfg(feature = "development-keys")))]
pub mod development {
    pub use atrion_license::development::key;
}
