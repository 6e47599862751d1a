// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! How the connection can be.

use std::sync::Arc;

use atrion_state::ProviderError;

/// How the adapter is.
#[derive(Debug, Clone, Default)]
pub(super) struct Status {
    pub(super) connection: Connection,
    /// What an earlier life stored has been read.
    pub(super) loaded: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Connection {
    /// Not connected, by choice.
    #[default]
    Idle,
    Connecting,
    Up,
    Down(Arc<ProviderError>),
    Unlicensed,
}
