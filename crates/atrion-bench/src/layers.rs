// SPDX-License-Identifier: Apache-2.0
//! Whole middleware around a service that answers at once: what a request pays for it, beside the
//! layers of other crates, each with limits that refuse nothing.
//!
//! Everything runs on the calling thread: a client, a server and the bytes between them in memory.

mod bare;
mod served;

use std::time::Duration;

use atrion_engine::{Atrion, Config};
use tokio::runtime::Runtime;

use crate::contender::Contender;

/// Every layer, in the order of the tables.
pub fn all() -> Vec<Box<dyn Contender>> {
    let all = bare::all().into_iter().chain(served::axum()).chain(served::tonic()).collect();
    std::thread::sleep(crate::LEARNING);
    all
}

/// Atrion and the runtime of its pulse, which stands still while requests are counted on another.
struct Pulsed {
    atrion: Atrion,
    _runtime: Runtime,
}

impl Pulsed {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .expect("a runtime for the pulse");
        let config = Config::default().slo(Duration::from_millis(200));
        let atrion =
            runtime.block_on(Atrion::builder().config(config).connect()).expect("an objective alone");
        Self { atrion, _runtime: runtime }
    }
}
