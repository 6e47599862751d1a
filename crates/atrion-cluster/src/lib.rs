// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
#![cfg_attr(docsrs, feature(doc_cfg))]
// The page's example uses the Redis adapter, so it is a test where that is there; as a page it is
// always there.
#![cfg_attr(any(not(doctest), feature = "redis"), doc = include_str!("../README.md"))]

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod wire;

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod fleet;

#[cfg(feature = "postgres")]
#[cfg_attr(docsrs, doc(cfg(feature = "postgres")))]
pub mod postgres;

mod layered;
pub use layered::{LayeredError, LayeredProvider};

#[cfg(any(feature = "redis", feature = "postgres"))]
mod credentials;
#[cfg(any(feature = "redis", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "redis", feature = "postgres"))))]
pub use credentials::{CredentialError, CredentialSource, Credentials};

// For all adapters alike: what each has beside its store, what a license permits, what can be wrong
// with settings.
#[cfg(any(feature = "redis", feature = "postgres"))]
mod adapter;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod bounded;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod license_gate;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod settings;

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
