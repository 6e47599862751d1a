// SPDX-License-Identifier: Apache-2.0
//! Lesson 6: a store of one's own. `store.rs` keeps the vectors of routes in a file, and uses the
//! facade alone. This program opens a breaker, ends its instance, and finds the breaker open in the
//! next one.
//!
//! `cargo run -p atrion --features serde --example 06_store`
//!
//! `tests/store.rs` runs the contract suite of `atrion-testkit` against the same store. In a crate
//! of your own, add `atrion-testkit` to the dev-dependencies and give `contract::run_all` a
//! function that makes a new store for each check; the suite connects it.

mod store;

use std::time::{Duration, Instant};

use atrion::{Atrion, Mode, Outcome, Tier};

use self::store::FileStore;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("atrion-06-store-{}.ndjson", std::process::id()));

    let atrion = Atrion::builder().provider(FileStore::at(&path)).connect().await?;
    let payments = atrion.route("api/payments");
    let begin = Instant::now();
    while payments.mode() != Mode::CircuitBreaker && begin.elapsed() < Duration::from_secs(20) {
        if let Ok(permit) = payments.admit(Tier::Normal) {
            permit.finish(Outcome::Failure);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("first life: {} is {:?}", payments.id(), payments.mode());
    atrion.shutdown().await; // pushes what is dirty, and disconnects the store
    println!("{} holds {} bytes", path.display(), std::fs::metadata(&path)?.len());

    let store = FileStore::at(&path);
    let atrion = Atrion::builder().provider(store.clone()).connect().await?;
    let payments = atrion.route("api/payments");
    println!("second life: {} is {:?}, {} lines skipped", payments.id(), payments.mode(), store.skipped());

    // The first probe finds out that the callee is back.
    while payments.mode() == Mode::CircuitBreaker {
        if let Ok(permit) = payments.admit(Tier::Normal) {
            permit.finish(Outcome::Success);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("after one successful probe it is {:?}", payments.mode());
    atrion.shutdown().await;
    std::fs::remove_file(path)?;
    Ok(())
}
