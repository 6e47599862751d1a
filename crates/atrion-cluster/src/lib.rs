// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
#![cfg_attr(docsrs, feature(doc_cfg))]
// The page's example uses the Redis adapter, so it is a test where that is there; as a page it is always there.
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

// What a licence permits, for every adapter alike.
#[cfg(any(feature = "redis", feature = "postgres"))]
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "the adapters that ask it come one after the other")
)]
mod permit;

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
