// SPDX-License-Identifier: Apache-2.0
//! Contract suites and faulty stand-ins for everything that plugs into Atrion.
//!
//! - [`contract`] checks a [`StateProvider`](atrion_state::StateProvider) against what the port's documentation
//!   promises, heading by heading. An adapter, and every decorator of one, runs it from its tests.
//! - [`FaultyProvider`] wraps a provider and fails, hangs, delays, forgets or flaps on command.
//! - [`MemoryFleet`] is a shared store of several nodes in one process, whose wires can be cut.
//! - [`generate`] has proptest strategies for what crosses the ports, well-formed and hostile.
//! - [`ReportingProvider`] tells, counts and feels what a test wants; [`RecordingObserver`] keeps what it hears.
//! - [`TokioClock`] follows the time that a test pauses; [`Random`] is decided by a seed.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
pub use clock::TokioClock;

pub mod contract;

mod faulty;
pub use faulty::{Calls, Fault, FaultyProvider};

mod fleet;
pub use fleet::{FleetNode, MemoryFleet};

pub mod generate;

mod random;
pub use random::Random;

mod recording;
pub use recording::RecordingObserver;

mod reporting;
pub use reporting::ReportingProvider;
