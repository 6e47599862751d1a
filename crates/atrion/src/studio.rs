// SPDX-License-Identifier: Apache-2.0
//! AtrionStudio, the dashboard. Commercial: its views need a license, the service never does.

pub use atrion_studio::{
    Access, Builder, Running, StartError, Studio, StudioConfig, StudioConfigError, Token, TokenError, assets,
    source,
};
