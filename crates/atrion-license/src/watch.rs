// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A [`Keeper`] with the sources of its license: what a commercial adapter holds.
//!
//! It has no task, no timer and no clock. A caller with a loop calls [`Watch::poll`] from it:
//!
//! ```
//! use std::time::SystemTime;
//! use atrion_license::{Sources, Watch};
//!
//! let mut watch = Watch::from(Sources::standard());
//! let now = SystemTime::now().into();
//! for signal in watch.poll(now) {
//!     println!("{:?}: {signal}", signal.level);
//! }
//! assert!(watch.next_due(now) > now);
//! ```

use crate::{
    ClusterLedger, Keeper, License, LicenseFault, LicenseKey, Reading, Report, Signal, Source, Sources,
    UnixTime, Verifier, process,
};

/// Reads the license's sources every minute and says what is due: a file that appears or changes is
/// noticed within a minute, without a restart.
#[derive(Clone, Debug)]
pub struct Watch {
    keeper: Keeper,
    /// `None`: there is nothing to read again.
    sources: Option<Sources>,
    /// The clusters that this process configures.
    clusters: Vec<String>,
}

impl Watch {
    /// Watches these sources, trusting what `verifier` trusts.
    pub fn new(sources: Sources, verifier: Verifier) -> Self {
        Self { keeper: Keeper::new(verifier), sources: Some(sources), clusters: Vec::new() }
    }

    /// A cluster of this name is configured here.
    #[must_use]
    pub fn for_cluster(mut self, name: impl Into<String>) -> Self {
        self.clusters.push(name.into());
        self
    }

    /// Reads the sources if that is due, and says what is due. The reading is of one small file;
    /// on a file system that may hang, call this where blocking is allowed.
    pub fn poll(&mut self, now: UnixTime) -> Vec<Signal> {
        if let Some(sources) = self.sources.as_ref().filter(|_| self.keeper.is_reading_due(now)) {
            self.keeper.observe(sources.read(), now);
        }
        if let Some(id) = self.keeper.license().map(License::id) {
            let ledger = process::note_clusters(id, &self.clusters, now);
            self.keeper.saw_clusters(&ledger);
        }
        self.keeper.signals(now)
    }

    /// Clusters that other processes registered under the same license in the same store.
    pub fn saw_clusters(&mut self, seen: &ClusterLedger) {
        self.keeper.saw_clusters(seen);
    }

    /// When to poll again, an hour from now at the latest: in a minute if there are sources to
    /// read.
    pub fn next_due(&self, now: UnixTime) -> UnixTime {
        self.keeper.next_due(now)
    }

    /// The license in use; `None` before the first poll of sources, too.
    pub fn license(&self) -> Option<&License> {
        self.keeper.license()
    }

    /// What is wrong with the last key that was read, if something is.
    pub fn fault(&self) -> Option<&LicenseFault> {
        self.keeper.fault()
    }

    /// How things stand, for a status page and for gauges.
    pub fn report(&self, now: UnixTime) -> Report {
        self.keeper.report(now)
    }

    fn fixed(keeper: Keeper) -> Self {
        Self { keeper, sources: None, clusters: Vec::new() }
    }
}

/// Watches the sources, trusting what this build trusts.
impl From<Sources> for Watch {
    fn from(sources: Sources) -> Self {
        Self::new(sources, Verifier::embedded())
    }
}

/// Keeps a license, and reads again the file that it came from, if it came from one.
impl From<License> for Watch {
    fn from(license: License) -> Self {
        let sources = file(Some(license.source()));
        Self { sources, ..Self::fixed(Keeper::new(Verifier::embedded()).holding(license)) }
    }
}

/// For `.license(License::from_env())`: a license that is missing now is looked for again.
impl From<Result<License, LicenseFault>> for Watch {
    fn from(license: Result<License, LicenseFault>) -> Self {
        license.map_or_else(Self::from, Self::from)
    }
}

/// Looks again in the place that was at fault, or in all if there was nothing in any.
impl From<LicenseFault> for Watch {
    fn from(fault: LicenseFault) -> Self {
        let sources =
            if fault.source.is_some() { file(fault.source.as_ref()) } else { Some(Sources::standard()) };
        Self { sources, ..Self::fixed(Keeper::new(Verifier::embedded()).with_fault(fault)) }
    }
}

/// For a key in code: verified now, not read again.
impl From<LicenseKey> for Watch {
    fn from(key: LicenseKey) -> Self {
        let reading = Reading { source: Some(Source::Code), key: Ok(key), world_readable: false };
        Self::from(reading.verify(&Verifier::embedded()))
    }
}

/// A variable, a literal and a stream do not change while the process runs; a file does.
fn file(source: Option<&Source>) -> Option<Sources> {
    match source? {
        Source::Code | Source::Variable | Source::Stream => None,
        Source::NamedFile(path) | Source::File(path) => Some(Sources::file(path.as_path())),
    }
}
