// SPDX-License-Identifier: Apache-2.0
//! The targets. A new one is a file here, a line in [`all`], a file in `fuzz_targets/` with its
//! `[[bin]]`, and a variant in `xtask/src/fuzz.rs`. One that needs a crate of its own has a
//! feature.

#[cfg(feature = "fleet")]
mod fleet;
#[cfg(feature = "fleet")]
pub use fleet::{Codec, Envelope, Receive};

#[cfg(feature = "gateway")]
mod gateway;
#[cfg(feature = "gateway")]
pub use gateway::{GatewayConfig, ProcessorMessages, ProxyHeaders, RouteTemplates, Tokens};

#[cfg(feature = "license")]
mod license;
#[cfg(feature = "license")]
pub use license::License;

#[cfg(feature = "recording")]
mod recording;
#[cfg(feature = "recording")]
pub use recording::Recordings;

use crate::Target;

/// Every target of this build.
pub fn all() -> Vec<Box<dyn Target>> {
    vec![
        #[cfg(feature = "fleet")]
        Box::new(Envelope::new()),
        #[cfg(feature = "fleet")]
        Box::new(Codec::new()),
        #[cfg(feature = "fleet")]
        Box::new(Receive::new()),
        #[cfg(feature = "gateway")]
        Box::new(RouteTemplates::new()),
        #[cfg(feature = "gateway")]
        Box::new(ProxyHeaders::new()),
        #[cfg(feature = "gateway")]
        Box::new(ProcessorMessages::new()),
        #[cfg(feature = "gateway")]
        Box::new(GatewayConfig::new()),
        #[cfg(feature = "gateway")]
        Box::new(Tokens::new()),
        #[cfg(feature = "license")]
        Box::new(License::new()),
        #[cfg(feature = "recording")]
        Box::new(Recordings::new()),
    ]
}
