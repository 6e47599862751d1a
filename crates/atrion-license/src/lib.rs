// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod time;
pub use time::UnixTime;

mod terms;
pub use terms::{Environment, Feature, Kind, LicenseId, OnExpiry, TermError, Terms, Tier};

mod error;
pub use error::{LicenseError, Part};

mod redact;
pub use redact::{Shown, ShownPath};

mod key;
pub use key::{KeyId, LicenseKey};

mod payload;

mod trust;
pub use trust::{PublicKey, PublicKeyError, Signer};

mod verifier;
pub use verifier::Verifier;

mod license;
pub use license::License;

mod status;
pub use status::Status;

mod source;
pub use source::{LicenseFault, Reading, Source, Sources};

mod clusters;
pub use clusters::{ClusterLedger, Excess};

mod signal;
pub use signal::{Level, Signal, Topic};

mod process;

#[cfg(feature = "tracing")]
mod log;

mod report;
pub use report::{Report, State};

mod keeper;
pub use keeper::Keeper;

mod watch;
pub use watch::Watch;

#[cfg(feature = "issue")]
mod issue;
#[cfg(feature = "issue")]
pub use issue::{SigningKey, SigningKeyError};

#[cfg(feature = "development-keys")]
pub mod development;
