// SPDX-License-Identifier: Apache-2.0
//! The manual, a chapter a module.
//!
//! | chapter | what is in it |
//! |---|---|
//! | [Getting started](getting_started) | an install line, a service, a client, and a route without HTTP |
//! | [Tiers and SLO](tiers_and_slo) | what to set: the SLO, caps, tiers, cohorts, and where the layer belongs |
//! | [Work](work) | cost, deadlines and leases: a request is more than one of many |
//! | [Protocols](protocols) | uploads, streams, gRPC, browsers, access logs: what the layer does with each |
//! | [Waiting](waiting) | consumers, workers and pools that pause, bursts that are served instead of refused |
//! | [Signals](signals) | gauges of your own as terms of R, and what a process can run out of |
//! | [Reading a refusal](reading_a_refusal) | reasons and terms, and what each asks you to do |
//! | [Rolling out](rolling_out) | shadow mode, overrides, configuration at run time |
//! | [Operating](operating) | bounds, sick stores, restarts, sizing, questions |
//! | [The physics](physics) | every equation with its units and the test that holds it |
//! | [A cluster in five minutes](trying_a_cluster) | the commercial parts with a development key, to evaluate them |
//! | [A fleet](fleet) | scars shared through Redis (commercial) |
//! | [Persistence](persistence) | state that survives in PostgreSQL (commercial) |
//! | [Telemetry](telemetry) | snapshots, events, metrics, log lines, traces |
//! | [Replay](replay) | recorded incidents with another configuration |
//! | [AtrionStudio](studio) | the dashboard (commercial), and the free JSON API |
//! | [The gateway](gateway) | a reverse proxy before services in any language |
//! | [Migration](migration) | from version 1 to version 2 |
//! | [Glossary](glossary) | words in a special sense |
//!
//! To write a store of your own, start at [`provider`](crate::provider).
//!
//! # In the repository
//!
//! These pages are for people who read or change the source, and are not part of the package:
//!
//! | file | what is in it |
//! |---|---|
//! | `crates/atrion/examples` | numbered programs, from an axum service to a store of one's own |
//! | `docs/benchmarks.md` | what admission costs, beside other crates, from one run on one machine |
//! | `docs/wind-tunnel.md` | how the physics is compared with other policies, and where it loses |
//! | `docs/observability` | a Grafana dashboard, Prometheus alert rules (`alerts.yaml`) and their tests |
//! | `docs/images` | pictures of the dashboard |
//! | `docs/adr` | decision records, by number |
//! | `docs/licensing.md`, `LICENSING.md` | license keys in operation; what is free and what is paid |
//! | `ARCHITECTURE.md` | the map of the source, and what must never happen |
//! | `CONTRIBUTING.md`, `SECURITY.md`, `CHANGELOG.md` | how to change it, how to report, what has changed |

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/tiers_and_slo.md")]
pub mod tiers_and_slo {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/work.md")]
pub mod work {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/signals.md")]
pub mod signals {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/protocols.md")]
pub mod protocols {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/waiting.md")]
pub mod waiting {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/reading_a_refusal.md")]
pub mod reading_a_refusal {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/rolling_out.md")]
pub mod rolling_out {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/operating.md")]
pub mod operating {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/physics.md")]
pub mod physics {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/trying_a_cluster.md")]
pub mod trying_a_cluster {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/fleet.md")]
pub mod fleet {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/persistence.md")]
pub mod persistence {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/telemetry.md")]
pub mod telemetry {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/replay.md")]
pub mod replay {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/studio.md")]
pub mod studio {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/gateway.md")]
pub mod gateway {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/migration.md")]
pub mod migration {}

#[doc = include_str!("../manual/links.md")]
#[doc = include_str!("../manual/glossary.md")]
pub mod glossary {}
