// SPDX-License-Identifier: Apache-2.0
//! Features meet: where the dashboard and the durable store both are, the one shows what the other
//! remembers.
#![cfg(all(feature = "studio", feature = "postgres"))]
#![allow(clippy::unwrap_used)] // tests speak as tests do

use atrion::cluster::postgres::HistoryReader;
use atrion::studio::Studio;
use atrion::studio::source::History as _;

#[tokio::test]
async fn a_reader_of_postgres_is_a_history_that_studio_takes() {
    // It connects when it is asked something.
    let history = HistoryReader::new("postgres://atrion_app@db.internal/atrion", "shop").unwrap();
    assert_eq!(history.name(), "postgres");
    let atrion = atrion::Atrion::builder().connect().await.unwrap();
    let _ready = Studio::of(&atrion).history(history);
}
