// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
pub use clock::TokioClock;

pub mod contract;

mod faulty;
pub use faulty::{Calls, Fault, FaultyProvider};

mod fleet;
pub use fleet::{FleetNode, MemoryFleet};

#[cfg(feature = "generate")]
#[cfg_attr(docsrs, doc(cfg(feature = "generate")))]
pub mod generate;

#[cfg(feature = "log")]
mod log;
#[cfg(feature = "log")]
#[cfg_attr(docsrs, doc(cfg(feature = "log")))]
pub use log::Lines;

mod recording;
pub use recording::RecordingObserver;

mod reporting;
pub use reporting::ReportingProvider;
