// SPDX-License-Identifier: Apache-2.0
//! The protected service and its clients in this process: live data for the tests of a dashboard.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use atrion::Atrion;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::client;
use super::plan::{Phase, Plan};
use super::random::Random;
use super::run::weather;
use super::service::guard::Guard;
use super::service::pool::{Pool, capacity};
use super::service::router;
use super::traffic::Traffic;
use super::wire::{ServiceSpec, Weather};

/// A running service behind Atrion, with clients and changing weather. It ends with the runtime.
#[derive(Debug)]
pub struct Scene {
    atrion: Atrion,
}

impl Scene {
    /// Starts the service with this number of workers (ten requests a second each), and plays the
    /// phases.
    ///
    /// # Errors
    /// The reason why it cannot start.
    pub async fn play(workers: usize, phases: &[(Phase, Duration)]) -> anyhow::Result<Self> {
        let mut traffic = Traffic::Poisson(Random::of(&[SEED]));
        let plan = Plan::of(phases, capacity(workers, Weather::Fair));
        let (changes, receiver) = watch::channel(Weather::Fair);
        let pool = Pool::start(workers, SEED, receiver);
        let guard = Guard::start().await?;
        let spec = ServiceSpec {
            workers,
            routes: traffic.routes(),
            protected: true,
            seed: SEED,
            gateway: false,
            record: None,
        };
        let router = guard.wrap(router(&spec, &pool));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot bind a port")?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move { axum::serve(listener, router).await });

        let start = Instant::now();
        // The outcomes of the requests are not needed here.
        let (records, _) = mpsc::unbounded_channel();
        tokio::spawn(client::drive(port, traffic.schedule(&plan).into(), start, SEED, records));
        tokio::spawn(async move {
            for stretch in &plan.stretches {
                tokio::time::sleep_until(start + stretch.from).await;
                changes.send_replace(weather(stretch.phase));
            }
            // The workers keep the last weather while this task lives.
            std::future::pending::<()>().await;
        });
        Ok(Self { atrion: guard.atrion().clone() })
    }

    /// The instance that protects it.
    #[must_use]
    pub fn atrion(&self) -> &Atrion {
        &self.atrion
    }
}

const SEED: u64 = 7;
