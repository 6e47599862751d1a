// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The state of a Studio that is served: made once at the start, read by the sampler and by every
//! handler. It knows no handler.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::authors::Authors;
use crate::config::StudioConfig;
use crate::hub::Hub;
use crate::license_view::LicenseView;
use crate::model::Model;
use crate::past::Past;
use crate::sessions::Sessions;
use crate::source::Source;

pub(crate) struct Shared {
    pub(crate) config: StudioConfig,
    pub(crate) address: SocketAddr,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) hub: Hub,
    /// Invariant: a task that holds the hub's lock may take this one, and never the other way
    /// round.
    pub(crate) model: Mutex<Model>,
    pub(crate) license: LicenseView,
    pub(crate) authors: Authors,
    pub(crate) sessions: Sessions,
    pub(crate) past: Past,
    /// Held by a run of *What if*: there is one at a time.
    pub(crate) replay: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// Whether routes can be overridden here.
    pub(crate) fn may_change(&self) -> bool {
        self.config.overrides && self.source.operator().is_some()
    }
}
