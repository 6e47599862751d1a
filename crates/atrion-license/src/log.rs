// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Writes signals to `tracing`.

use crate::{Level, Signal, process};

impl Signal {
    /// Writes the line to `tracing`, under the target `atrion::license`, unless another keeper of
    /// this process has written it and it is not due again: several adapters under one license log
    /// it once.
    pub fn log(&self) {
        if !process::is_news(self) {
            return;
        }
        let (topic, message) = (self.topic.name(), &self.message);
        match self.level {
            Level::Info => tracing::info!(target: "atrion::license", topic, "{message}"),
            Level::Warn => tracing::warn!(target: "atrion::license", topic, "{message}"),
            Level::Error => tracing::error!(target: "atrion::license", topic, "{message}"),
        }
    }
}
