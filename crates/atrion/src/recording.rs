// SPDX-License-Identifier: Apache-2.0
//! What a route measured and decided, pulse by pulse, in memory or in a file.

pub use atrion_engine::recording::{
    Decided, Kept, Part, PulseRecord, Recorded, Retrace, RouteState, Start, Turn,
};

#[cfg(feature = "recording")]
#[cfg_attr(docsrs, doc(cfg(feature = "recording")))]
pub use atrion_engine::recording::{
    RecordError, RecordedError, RecordedLimits, Recorder, Recording, Written,
};
