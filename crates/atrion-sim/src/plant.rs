// SPDX-License-Identifier: Apache-2.0
//! The plant: clients, one gate, a queue and a pool of workers, in virtual time that jumps from
//! event to event.
//!
//! A run is a pure function of scenario, seed and policy. What the world does (arrivals, sizes of
//! calls, bad luck) is drawn from the seed alone, so every policy meets the same requests. In a run
//! nothing is allocated per request: calls live in a slab, events in two heaps.

mod arrivals;
mod call;
mod dues;
mod pool;
mod world;

pub use arrivals::{Arrival, Arrivals};
pub use world::{Looker, run, watch};

pub(crate) use call::{Call, Calls};
pub(crate) use pool::Pool;
pub(crate) use world::nanos;
