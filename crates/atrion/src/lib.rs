// SPDX-License-Identifier: Apache-2.0
// Links of README and manual lead to files in the repository, and to items here: of two definitions
// of a label, Markdown takes the first one.
#![doc = include_str!("../manual/links.md")]
// The page's examples are tests where what they use is there; as a page it is always there.
#![cfg_attr(any(not(doctest), all(feature = "axum", feature = "redis")), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use atrion_engine::{
    Acquire, AcquireOwned, Atrion, BuildError, Builder, Config, ConfigError, Counts, Engine, Events,
    FleetConfig, Gauge, Group, Hold, Lease, LeaseError, LeaseId, LeaseOptions, LeaseSnapshot, LeaseToken,
    OVERFLOW_ROUTE, Outage, Override, OverrideError, Overrides, OwnedPermit, Permit, Physics, Profile,
    PulseReport, Queued, Received, RefusalSample, RequestWait, Resource, RfcPhysics, Route, RouteConfig,
    RouteSnapshot, Routes, Shed, Signal, SignalError, SignalSnapshot, Signalled, Snapshot, StreamPermit,
    WeakAtrion, tenant_of,
};

pub use atrion_core::{
    AdaptiveConfig, ConfigFault, Cost, CostError, Direction, Gamma, GammaError, Laws, Load, Mode, Mono, Ohms,
    Outcome, Priority, Reason, Refusal, RfcConfig, Share, SignalCurve, SignalCurveError, SignalId,
    SignalName, SignalNameError, Spread, Telemetry, TelemetryError, Tenant, Terms, Tier, UnitError, Volts,
    Wall,
};

pub use atrion_state::{
    Clock, Event, FakeClock, Filtered, Health, InMemoryProvider, LeaseEnd, LeaseRecord, LicenseStanding,
    LicenseState, MemorySnapshot, MemoryStats, NodeId, NodeIdError, Observer, OverrideKind, PhysicsVector,
    ProviderError, PulseConfig, PulseConfigError, RecordingEnd, RouteId, RouteIdError, Sampled, SignalFault,
    StateProvider, SyncOperation, SystemClock,
};

pub mod physics;
pub use physics::rfc;

pub mod provider;

pub mod recording;

// Its examples need these features; as pages the chapters are always there.
#[cfg(any(
    not(doctest),
    all(
        feature = "api",
        feature = "axum",
        feature = "cluster",
        feature = "otel",
        feature = "sim",
        feature = "studio"
    )
))]
pub mod manual;

#[cfg(feature = "sim")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim")))]
pub mod sim;

#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub mod tower;

#[cfg(any(feature = "redis", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "redis", feature = "postgres"))))]
pub mod cluster;

#[cfg(any(feature = "redis", feature = "postgres", feature = "studio", feature = "development-keys"))]
#[cfg_attr(
    docsrs,
    doc(cfg(any(
        feature = "redis",
        feature = "postgres",
        feature = "studio",
        feature = "development-keys"
    )))
)]
pub mod license;

#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub mod otel;

#[cfg(feature = "api")]
#[cfg_attr(docsrs, doc(cfg(feature = "api")))]
pub mod api;

#[cfg(feature = "studio")]
#[cfg_attr(docsrs, doc(cfg(feature = "studio")))]
pub mod studio;
