// SPDX-License-Identifier: Apache-2.0
//! The one list of what can happen.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Ohms, SignalName};

use crate::{Escaped, LicenseStanding, NodeId, ProviderError, RouteId};

/// Something that happened. Cheap to clone: names and texts are shared.
///
/// Events come from the pulse and from configuration calls, never from the path of a single
/// request.
///
/// With the feature `serde` it is written as one object: its name under `event`, as in
/// `mode_changed`, beside its fields. Times are in seconds, and errors are their texts.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// A route changed its mode.
    ModeChanged {
        /// The route.
        route: RouteId,
        /// What it did before.
        from: Mode,
        /// What it does now.
        to: Mode,
        /// Its resistance at the change.
        resistance: Ohms,
    },
    /// A route refuses requests and had refused none for a second.
    SheddingStarted {
        /// The route.
        route: RouteId,
        /// The highest resistance that a refused request has met in this pulse; in shadow mode the
        /// route's resistance at rest.
        resistance: Ohms,
        /// Requests refused in this pulse.
        shed: u64,
        /// Requests admitted in this pulse.
        admitted: u64,
    },
    /// A route that had refused requests has refused none for a second.
    SheddingStopped {
        /// The route.
        route: RouteId,
        /// Requests refused from the start to the end.
        shed: u64,
        /// Requests admitted meanwhile.
        admitted: u64,
        /// How long it refused, up to the first pulse without a refusal.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        lasted: Duration,
    },
    /// The fleet's scars move a route's resistance, by an ohm or more: its gate is stricter than
    /// its own scar asks for, or milder.
    ClusterShareStarted {
        /// The route.
        route: RouteId,
        /// Its own scar.
        own: Ohms,
        /// What the fleet adds to it, or takes from it: signed ohms.
        cluster: f64,
    },
    /// The fleet's scars no longer move a route's resistance, or by less than half an ohm.
    ClusterShareStopped {
        /// The route.
        route: RouteId,
        /// How long they did.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        lasted: Duration,
    },
    /// The provider began to fail. Admission goes on from local state.
    ProviderDegraded {
        /// Name of the provider.
        provider: &'static str,
        /// The first error.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::text"))]
        error: Arc<ProviderError>,
    },
    /// The provider works again.
    ProviderRecovered {
        /// Name of the provider.
        provider: &'static str,
        /// How long it failed.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        outage: Duration,
    },
    /// More routes were named than the bound allows; new names share the overflow route.
    RoutesOverflowed {
        /// The bound.
        limit: usize,
        /// Requests for names that found no place since the last such event.
        refused: u64,
    },
    /// A new configuration is in force.
    ConfigReplaced {
        /// Counts replacements since the start.
        generation: u64,
    },
    /// A configuration was refused whole; the old one stays.
    ConfigRejected {
        /// All that is wrong with it.
        reason: Arc<str>,
    },
    /// An operator took over a route by hand.
    OverrideSet {
        /// The route.
        route: RouteId,
        /// What was asked for.
        kind: OverrideKind,
        /// Why, in the operator's words.
        reason: Arc<str>,
        /// For how long.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        time_to_live: Duration,
    },
    /// The time of an override is over, or it was lifted.
    OverrideExpired {
        /// The route.
        route: RouteId,
        /// What had been asked for.
        kind: OverrideKind,
        /// The operator who lifted it; `None` if its time was over, or if no name was given.
        lifted_by: Option<Arc<str>>,
    },
    /// A recording of a route has ended.
    RecordingEnded {
        /// The route.
        route: RouteId,
        /// Pulses that were written.
        pulses: u64,
        /// Why it ended.
        end: RecordingEnd,
    },
    /// A lease has ended that its holder has not finished: its beats have failed to come, or an
    /// operator has revoked it.
    LeaseEnded {
        /// The route.
        route: RouteId,
        /// The lease's number.
        lease: u64,
        /// Who worked under it, in the holder's own words.
        owner: Arc<str>,
        /// Why it has ended.
        end: LeaseEnd,
        /// For how long it was held.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        lasted: Duration,
    },
    /// No pulse has come for many intervals: the runtime is gone, is not driven, or its threads are
    /// blocked. Requests are judged by gates that do not learn any more. Told from outside of the
    /// pulse.
    PulseStalled {
        /// How long ago the latest pulse was.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        lasted: Duration,
    },
    /// A pulse has come after many intervals without one, whether or not that was noticed
    /// meanwhile: a process that is stopped as a whole cannot notice it.
    PulseResumed {
        /// How long there was none.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        absent: Duration,
    },
    /// No route has matched these entries of the configuration so far: a name is misspelt, or is
    /// not in use yet. Told once for each configuration.
    EntriesUnmatched {
        /// The names of the entries.
        entries: Arc<[String]>,
    },
    /// One of the application's own signals has no number that counts: until it has one it adds
    /// nothing to any route's resistance.
    SignalLost {
        /// The signal.
        signal: SignalName,
        /// Why.
        fault: SignalFault,
    },
    /// The signal has a number again.
    SignalRecovered {
        /// The signal.
        signal: SignalName,
        /// How long it had none.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        outage: Duration,
    },
    /// One COMPUTE of all routes.
    PulseFinished {
        /// How long it took.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        duration: Duration,
        /// Routes that were computed.
        routes: usize,
        /// Routes whose vectors the store has not seen yet.
        dirty: usize,
    },
    /// One trip to a store is over: a push or a pull of the engine's, or one that an adapter makes
    /// by itself (see [`StateProvider::attach`](crate::StateProvider::attach) for what is reported
    /// where).
    SyncFinished {
        /// Name of the provider.
        provider: &'static str,
        /// What it was for.
        operation: SyncOperation,
        /// How long it took.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::written::seconds"))]
        duration: Duration,
        /// Vectors that were written, or that came back.
        routes: usize,
        /// How it ended.
        #[cfg_attr(feature = "serde", serde(rename = "error", serialize_with = "crate::written::error"))]
        result: Result<(), Arc<ProviderError>>,
    },
    /// A node was heard of for the first time, or again after it had been lost.
    NodeJoined {
        /// Name of the provider that heard of it.
        provider: &'static str,
        /// The node.
        node: NodeId,
    },
    /// A node has been silent for so long that what it said counts no more.
    NodeLost {
        /// Name of the provider that no longer hears it.
        provider: &'static str,
        /// The node.
        node: NodeId,
    },
    /// Another process writes under this node's name. The provider goes on under the new name.
    DuplicateIdentity {
        /// Name of the provider that noticed.
        provider: &'static str,
        /// The name that two use.
        node: NodeId,
        /// The name that this node uses from now on.
        renamed: NodeId,
    },
    /// The license of an adapter has changed its standing, or another one is in use; sent once at
    /// the start, too.
    LicenseChanged {
        /// Name of the provider that needs the license.
        provider: &'static str,
        /// How it stands.
        license: LicenseStanding,
        /// The same in words for a person, with what mends it; never the key.
        message: Arc<str>,
    },
}

impl Event {
    /// Whether it comes with every pulse or trip: meters need it, for other observers it is noise.
    #[must_use]
    pub const fn is_routine(&self) -> bool {
        matches!(self, Self::PulseFinished { .. } | Self::SyncFinished { .. })
    }
}

/// What an operator may do to a route by hand. The names are those of a breaker: open lets nothing
/// through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OverrideKind {
    /// The breaker is held open: every request is refused.
    ForceOpen,
    /// The breaker is held closed: every request passes.
    ForceClosed,
    /// The route forgets everything and learns anew.
    Reset,
    /// Everything is computed, counted and reported, and nothing is refused.
    Shadow,
}

/// Why a recording has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RecordingEnd {
    /// Its maker has stopped it.
    Stopped,
    /// It was as large as it may be.
    Bytes,
    /// It was as long as it may be.
    Span,
    /// It could not be written; what had been written before is there.
    Failed(Arc<str>),
}

impl fmt::Display for RecordingEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Bytes => f.write_str("its limit of bytes"),
            Self::Span => f.write_str("its limit of time"),
            Self::Failed(reason) => write!(f, "failed: {}", Escaped(reason)),
        }
    }
}

/// Why a lease is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LeaseEnd {
    /// Its holder has said how the job went.
    Finished,
    /// Its holder has dropped it.
    Dropped,
    /// Its holder is not heard: it has missed its beats, or has died with its process.
    Lost,
    /// An operator has revoked it, for this reason.
    Revoked(Arc<str>),
}

impl LeaseEnd {
    /// The lower-case name, without a reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Dropped => "dropped",
            Self::Lost => "lost",
            Self::Revoked(_) => "revoked",
        }
    }
}

impl fmt::Display for LeaseEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Dropped => f.write_str("dropped"),
            Self::Lost => f.write_str("lost: its holder is not heard any more"),
            Self::Revoked(reason) => write!(f, "revoked: {}", Escaped(reason)),
        }
    }
}

/// Why a signal has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SignalFault {
    /// None has come for longer than the signal may be silent.
    Silent,
    /// The latest is not a finite number.
    NotANumber,
    /// The callback that knows it has panicked.
    Panicked,
}

impl SignalFault {
    /// A stable lower-case name for logs and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::NotANumber => "not_a_number",
            Self::Panicked => "panicked",
        }
    }
}

impl fmt::Display for SignalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a trip to a store is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SyncOperation {
    /// To write what this node knows.
    Push,
    /// To read what the store knows.
    Pull,
}

impl SyncOperation {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }
}
