// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Studio over real sockets, as browsers and hostile clients see it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // helpers of tests speak as tests do

#[path = "http/api.rs"]
mod api;
#[path = "http/beside.rs"]
mod beside;
#[path = "http/client.rs"]
mod client;
#[path = "http/crowd.rs"]
mod crowd;
#[path = "http/data.rs"]
mod data;
#[path = "browser/fleet.rs"]
mod fleet;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/license.rs"]
mod license;
#[path = "shared/outage.rs"]
mod outage;
#[path = "http/overrides.rs"]
mod overrides;
#[path = "http/security.rs"]
mod security;
#[path = "http/slow.rs"]
mod slow;
#[path = "http/stream.rs"]
mod stream;
#[path = "http/whatif.rs"]
mod whatif;
