// SPDX-License-Identifier: Apache-2.0
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod telemetry;
pub use telemetry::{Builder, Telemetry};

mod catalogue;
pub use catalogue::{INSTRUMENTS, Instrument, Kind, most_series};

mod instance;
mod instruments;

mod reading;
mod shown;

mod span;
pub use span::mark_span;

pub mod baggage;
