// SPDX-License-Identifier: Apache-2.0
// The page's examples use the middleware, so they are tests where it is there; as a page it is always there.
#![cfg_attr(any(not(doctest), feature = "axum"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use atrion_engine::{
    Atrion, BuildError, Builder, Config, ConfigError, Counts, Engine, Events, OVERFLOW_ROUTE, Override,
    OverrideError, OwnedPermit, Permit, Physics, PulseReport, Queued, Received, RefusalSample, RfcPhysics,
    Route, RouteConfig, RouteSnapshot, Shed, Snapshot, WeakAtrion,
};

pub use atrion_core::{
    AdaptiveConfig, ConfigFault, Laws, Mode, Mono, Ohms, Outcome, Priority, Reason, Refusal, RfcConfig,
    Spread, Telemetry, TelemetryError, Terms, Tier, UnitError, Volts, Wall, rfc,
};

pub use atrion_state::{
    Capabilities, Clock, Direction, Event, FakeClock, Filtered, Health, InMemoryProvider, LicenseStanding,
    LicenseState, MemorySnapshot, MessageCount, MessageResult, NodeCount, NodeId, Observer, OverrideKind,
    PhysicsVector, ProviderError, ProviderStats, PulseConfig, PulseConfigError, RecordingEnd, RouteId,
    RouteIdError, Sampled, StateProvider, SyncOperation, SystemClock,
};

/// The physics on its own: pure functions, for tools and simulations.
pub mod physics {
    pub use atrion_core::{
        AdaptiveState, Beta, Gate, Ladder, Law, Tick, Window, adaptive, blend, choose, rfc, shares,
        update_physics,
    };
}

/// What a route measured and decided, pulse by pulse, in memory or in a file.
pub mod recording {
    pub use atrion_engine::recording::{
        Decided, Kept, Part, Pulse, Recorded, Retrace, RouteState, Start, Turn,
    };

    #[cfg(feature = "recording")]
    #[cfg_attr(docsrs, doc(cfg(feature = "recording")))]
    pub use atrion_engine::recording::{
        RecordError, RecordedError, RecordedLimits, Recorder, Recording, Written,
    };
}

/// The wind tunnel: plants, scenarios and policies in virtual time, and recorded incidents with another configuration.
#[cfg(feature = "sim")]
#[cfg_attr(docsrs, doc(cfg(feature = "sim")))]
pub mod sim {
    pub use atrion_sim::{
        Components, Dice, Policy, Record, Scenario, Set, explain, fleet, plant, plot, policy, replay,
        scenario, score, stability, table,
    };
}

/// Middleware for tower services: axum, tonic, hyper, reqwest.
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub mod tower {
    pub use atrion_tower::{
        AdmissionBody, AdmissionLayer, AdmissionService, CallError, CallLayer, CallRules, CallService,
        Classify, Cohort, DefaultClassifier, Detail, Hold, PROBLEM_TYPE, Propagate, Refused, RequestHead,
        ResponseHead, RouteNames, TrustedHeaders, Verdict, call, header, http,
    };
}

/// State that a fleet shares, and state that survives. Commercial: without a licence, state stays in memory, loudly, and
/// admission is as alive as with one.
#[cfg(any(feature = "redis", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "redis", feature = "postgres"))))]
pub mod cluster {
    pub use atrion_cluster::{LayeredError, LayeredProvider};

    /// A fleet that learns together.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub mod redis {
        pub use atrion_cluster::redis::{
            BuildError, ConfigError, Fault, RedisClusterBuilder, RedisClusterProvider, SyncConfig, Topology,
        };
    }

    /// What a node knew before it was restarted, and what was when.
    #[cfg(feature = "postgres")]
    #[cfg_attr(docsrs, doc(cfg(feature = "postgres")))]
    pub mod postgres {
        pub use atrion_cluster::postgres::{
            BuildError, ConfigError, Cursor, CursorError, Fault, HistoryReader, Opening, Page, Paged,
            PostgresBuilder, PostgresConfig, PostgresPersistenceAdapter, Retention, Sample, Standing,
            TimeRange, Transition, Trouble,
        };
    }
}

/// Licence keys, verified offline.
#[cfg(any(feature = "redis", feature = "postgres", feature = "studio"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "redis", feature = "postgres", feature = "studio"))))]
pub mod license {
    pub use atrion_license::{
        Feature, License, LicenseError, LicenseFault, LicenseId, LicenseKey, Sources, Status, Terms, Tier,
        Watch,
    };
}

/// OpenTelemetry: instruments, refusals in traces, priority in baggage.
#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub mod otel {
    pub use atrion_otel::{
        Builder, INSTRUMENTS, Instrument, Kind, Telemetry, baggage, mark_span, most_series,
    };
}

/// A small read-only JSON API over an instance, for dashboards and scripts of one's own.
#[cfg(feature = "api")]
#[cfg_attr(docsrs, doc(cfg(feature = "api")))]
pub mod api {
    pub use atrion_tower::api::{
        Api, EventPage, EventView, InstanceView, NodesView, OutcomesView, OverrideView, RefusalView,
        RouteView, Severity, StoreView, TermsView, TierView, override_name,
    };
}

/// AtrionStudio, the dashboard. Commercial: its views need a licence, the service never does.
#[cfg(feature = "studio")]
#[cfg_attr(docsrs, doc(cfg(feature = "studio")))]
pub mod studio {
    pub use atrion_studio::{
        Access, Builder, Running, StartError, Studio, StudioConfig, StudioConfigError, Token, TokenError,
        assets, source,
    };
}

// The manual's examples are tests, too. It is not part of the package, so only where every feature is on.
#[cfg(all(doctest, feature = "axum", feature = "otel", feature = "serde"))]
#[doc = include_str!("../../../docs/operations.md")]
mod operations {}
