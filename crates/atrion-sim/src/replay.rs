// SPDX-License-Identifier: Apache-2.0
//! What another configuration would have shed of traffic that a service has had.
//!
//! A recording ([`Recorded`]) has what the physics of a route was fed. It answers two questions of
//! different kinds:
//!
//! - *Did it decide as this code does?* [`Proof`] takes every decision again, on the same
//!   telemetry: the same to the bit, or here is the first that is not.
//! - *What would another configuration have done?* The recorded latencies came from the recorded
//!   admissions: with other refusals, other latencies would have been measured. So the telemetry is
//!   not fed to the candidate. A [`Service`] is reconstructed from it, and lives through the
//!   recorded arrivals again behind the engine of production, once with the recorded configuration
//!   and once with the candidate. How far the first of these is from what was recorded is how far
//!   the second can be believed; both are in the [`Comparison`].
//!
//! What a reconstruction cannot know is in its notes: what lies beyond a capacity that was never
//! reached, errors that come from load, clients that try again because they were refused.
//!
//! ```
//! use std::time::Duration;
//!
//! use atrion_engine::recording::{Recorded, Recording};
//! use atrion_engine::{Config, RouteConfig};
//! use atrion_sim::policy::Guarded;
//! use atrion_sim::replay::{Limits, replay};
//! use atrion_sim::{Scenario, plant};
//!
//! let scenario = Scenario::parse(r#"
//!     name = "incident"
//!     purpose = "Twice the capacity for four seconds."
//!     seconds = 16
//!     plant = { workers = 4, service = 0.05, deadline = 0.5 }
//!     load = { load = 0.6 }
//!     change = [{ at = 6, load = 2.0 }, { at = 10, load = 0.6 }]
//! "#)?;
//! let path = std::env::temp_dir().join(format!("atrion-incident-{}.ndjson", std::process::id()));
//! let mut gate = Guarded::new(Config::default())?;
//! let recorder = gate.record(Recording::to(&path))?;
//! plant::run(&scenario, 1, &mut gate);
//! recorder.stop();
//!
//! let recorded = Recorded::open(&path)?;
//! let candidate = RouteConfig::default().slo(Duration::from_millis(500));
//! let comparison = replay(&recorded, &candidate, 1, &Limits::default())?;
//! assert!(comparison.proof.holds());
//! println!("{}", comparison.text());
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod course;
pub use course::{Course, Second, Stretch};

mod proof;
pub use proof::{Difference, Proof};

mod service;
pub use service::{Condition, Service};

mod model;

mod change;
pub use change::Changed;

mod report;

use atrion_engine::recording::Recorded;
use atrion_engine::{Config, ConfigError, RouteConfig};
use atrion_state::Escaped;
use serde::Serialize;

use crate::scenario::ScenarioError;

/// What was recorded, the same in the reconstructed service, and the candidate there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The route.
    pub route: String,
    /// When the recording began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Whether this code decides as the recorded one did.
    pub proof: Proof,
    /// What stood behind the gate, as far as it can be told.
    pub service: Service,
    /// Where the candidate differs from the recorded configuration.
    pub changes: Vec<Changed>,
    /// As it was.
    pub recorded: Course,
    /// The recorded configuration in the reconstructed service.
    pub model: Course,
    /// The candidate there.
    pub candidate: Course,
    /// Mean difference of R between model and recording, in ohms.
    pub misfit_ohm: f64,
    /// What to know before anything is concluded from it.
    pub notes: Vec<String>,
}

/// Why a recording cannot be lived through again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is nothing in it.
    #[error(
        "the recording has {pulses} pulses in {seconds:.1} s: it takes three seconds with traffic to say anything"
    )]
    TooShort {
        /// Pulses with traffic.
        pulses: usize,
        /// Its length.
        seconds: f64,
    },
    /// There is too much in it.
    #[error(
        "{requests} requests in {seconds} s are more than the {most} in {longest} s that are lived through: take less"
    )]
    TooLong {
        /// Requests.
        requests: u64,
        /// Its length.
        seconds: usize,
        /// The most requests.
        most: u64,
        /// The most seconds.
        longest: usize,
    },
    /// The candidate is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The recording leads to a service that there cannot be.
    #[error("no service can be reconstructed from the recording: {0}")]
    Service(#[from] ScenarioError),
}

/// How much is lived through again. The work is in proportion to the requests, and tenfold where
/// several services are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Limits {
    /// The most requests.
    pub requests: u64,
    /// The most seconds.
    pub seconds: usize,
    /// Up to this many requests several services are tried; with more the simplest has to do.
    pub tried: usize,
}

impl Default for Limits {
    /// Twenty million requests in a day, which take minutes.
    fn default() -> Self {
        Self { requests: 20_000_000, seconds: 86_400, tried: 1_000_000 }
    }
}

impl Limits {
    /// For what has been held to limits before.
    const fn none() -> Self {
        Self { requests: u64::MAX, seconds: 1 << 24, tried: 0 }
    }
}

/// Lives through a recording again with `candidate` in place of its configuration. A pure function
/// of its arguments.
///
/// # Errors
/// [`ReplayError`] if there is too little or too much in the recording, or the candidate is not
/// valid.
pub fn replay(
    recorded: &Recorded,
    candidate: &RouteConfig,
    seed: u64,
    limits: &Limits,
) -> Result<Comparison, ReplayError> {
    Config { default: candidate.clone(), ..Config::default() }.check()?;
    let course = Course::of(recorded, Course::origin(recorded), limits)?;
    let config = recorded.config().cloned().unwrap_or_default();
    let traffic = model::Traffic::of(recorded, &course, seed);
    let (service, model) = model::fitted(recorded, &course, &traffic, &config, seed, limits.tried)?;
    let candidate_course = model::live(&service, &traffic, candidate, seed)?;
    let proof = Proof::of(recorded);
    Ok(Comparison {
        route: recorded.route.clone(),
        started_ms: recorded.started.as_millis(),
        notes: notes(recorded, &proof, &service),
        changes: change::between(&config, candidate),
        misfit_ohm: course.distance(&model),
        proof,
        service,
        recorded: course,
        model,
        candidate: candidate_course,
    })
}

fn notes(recorded: &Recorded, proof: &Proof, service: &Service) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |holds: bool, text: String| {
        if holds {
            notes.push(text);
        }
    };
    note(
        proof.first_different.is_some(),
        format!("this version decides otherwise than the one that recorded ({})", Escaped(&recorded.engine)),
    );
    note(
        !recorded.unknown.is_empty(),
        format!(
            "settings that this version does not know were left out: {}",
            Escaped(&recorded.unknown.join(", "))
        ),
    );
    note(
        !service.is_reached,
        "no queue was ever seen: how much more the service could carry is not known, so a candidate that lets more \
         through is judged too kindly"
            .to_owned(),
    );
    let failed: u64 = recorded.pulses().map(|pulse| u64::from(pulse.failed)).sum();
    note(failed > 0, "calls fail in the model as they did, whatever the candidate lets through".to_owned());
    let lost = recorded.lost();
    note(lost > 0, format!("{lost} pulses are missing from the recording"));
    let count =
        |of: fn(&atrion_engine::recording::PulseRecord) -> bool| recorded.pulses().filter(|p| of(p)).count();
    let by_hand = count(|pulse| pulse.by_hand);
    note(by_hand > 0, format!("in {by_hand} pulses an operator had taken the route over"));
    let by_group = count(|pulse| pulse.by_group);
    note(
        by_group > 0,
        format!("in {by_group} pulses the crowd was its group's affair: replay the recording of that gate"),
    );
    let shadowed = count(|pulse| pulse.shadow);
    note(shadowed > 0, format!("in {shadowed} pulses the route was in shadow mode and shed nothing"));
    let merged = count(|pulse| pulse.merged.is_some());
    note(merged > 0, format!("in {merged} pulses a fleet moved the gate; the model is a single node"));
    let shared = count(|pulse| pulse.share.is_some());
    note(
        shared > 0,
        format!(
            "in {shared} pulses the fleet left a part of its callee to this node; the model is a single node"
        ),
    );
    let configs =
        recorded.parts.windows(2).filter(|pair| pair[0].start.config != pair[1].start.config).count();
    note(
        configs > 0,
        "the configuration was replaced meanwhile; the model has the first one throughout".to_owned(),
    );
    let interval = recorded.interval.as_millis();
    note(interval != 100, format!("the pulse beat every {interval} ms; in the model every 100 ms"));
    note(recorded.end.is_none(), "the recording has no end: it was cut off, or is still going on".to_owned());
    notes
}
