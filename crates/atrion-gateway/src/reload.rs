// SPDX-License-Identifier: Apache-2.0
//! The file on the disk: read, and read again when it or a file that it names has changed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Config, ConfigError, OpenApiError};
use crate::gateway::Gateway;
use crate::start_error::StartError;

/// Why a file gives no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The OpenAPI document that it names gives no routes.
    #[error("{}", path.display())]
    OpenApi {
        /// The document.
        path: PathBuf,
        /// Why.
        source: OpenApiError,
    },
    /// It is right, and cannot be put in force.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let config = Self::parse(&read(path)?, path.parent().unwrap_or(Path::new("")))?;
        let Some(path) = config.admission.openapi.clone() else { return Ok(config) };
        config.with_operations(&read(&path)?).map_err(|source| LoadError::OpenApi { path, source })
    }
}

fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

/// How often files are looked at. A certificate is renewed days before its end.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at a file and at those that it names, and tells when one has changed.
#[derive(Debug)]
pub struct Watcher {
    path: PathBuf,
    seen: BTreeMap<PathBuf, Option<(SystemTime, u64)>>,
}

impl Watcher {
    /// Watches the file that `config` was read from.
    #[must_use]
    pub fn new(path: &Path, config: &Config) -> Self {
        let mut watcher = Self { path: path.to_owned(), seen: BTreeMap::new() };
        watcher.look_at(config);
        watcher
    }

    fn look_at(&mut self, config: &Config) {
        let paths = config.files().chain([self.path.clone()]);
        self.seen = paths.map(|path| (path.clone(), look(&path))).collect();
    }

    fn has_changed(&mut self) -> bool {
        let mut has_changed = false;
        for (path, seen) in &mut self.seen {
            let now = look(path);
            has_changed |= *seen != now;
            *seen = now;
        }
        has_changed
    }

    /// Waits until a file has changed.
    pub async fn changed(&mut self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.has_changed() {
                return;
            }
        }
    }

    /// Reads the file again and puts it in force.
    ///
    /// # Errors
    /// It cannot be read, it is wrong, or it cannot be put in force: what was so stays in force.
    pub async fn reload(&mut self, gateway: &Gateway) -> Result<(), LoadError> {
        let config = Config::load(&self.path).inspect_err(|_| gateway.count_refused_file())?;
        self.look_at(&config);
        Ok(gateway.reload(config).await?)
    }
}

/// What tells one version of a file from another. `None`: it cannot be looked at.
fn look(path: &Path) -> Option<(SystemTime, u64)> {
    // Kubernetes mounts files as links, and changes where they lead.
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}
