// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A reader's connections: two at most, and the server's own reason where it refuses
//! them.
//!
//! A pool goes on trying where a server refuses and does not tell why; when its time is up, it says
//! only that. A person who reads the history needs the reason. So what is not there within a moment
//! is tried once more beside the pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions as _, PgPool, PgTransaction};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use crate::postgres::error::StoreError;
use crate::postgres::login::Login;

#[derive(Clone)]
pub(super) struct Connections {
    pool: PgPool,
    login: Login,
    /// A query with a permit waits for the server alone, and never for another query's answer.
    places: Arc<Semaphore>,
}

const MOST: u8 = 2;
/// A question of a person may take longer than a node's write.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A server that is restarted, or is busy for a moment, is not in trouble.
const MOMENT: Duration = Duration::from_secs(2);

impl Connections {
    /// Connects when there is something to ask.
    pub(super) fn new(login: Login) -> Self {
        let pool = PgPoolOptions::new().max_connections(MOST.into()).acquire_timeout(TIMEOUT);
        // Idle for a while, it holds no connection that others could use.
        let pool = pool
            .min_connections(0)
            .idle_timeout(Duration::from_secs(60))
            .connect_lazy_with(login.url().clone());
        Self { pool, login, places: Arc::new(Semaphore::new(MOST.into())) }
    }

    pub(super) fn login(&self) -> Login {
        self.login.clone()
    }

    /// A transaction, and the place that it takes.
    pub(super) async fn begin(&self) -> Result<(PgTransaction<'static>, SemaphorePermit<'_>), StoreError> {
        let Ok(Ok(place)) = timeout(TIMEOUT, self.places.acquire()).await else {
            return Err(StoreError::Timeout { after: TIMEOUT });
        };
        // The pool may have to open one.
        if self.pool.num_idle() == 0 {
            self.pool.set_connect_options(self.login.options().await?);
        }
        tokio::select! {
            begun = self.pool.begin() => Ok((begun?, place)),
            refusal = self.refusal() => Err(refusal.into()),
        }
    }

    /// Why the server refuses connections. Does not return where it accepts them, or says nothing.
    async fn refusal(&self) -> sqlx::Error {
        sleep(MOMENT).await;
        match self.pool.connect_options().connect().await {
            Err(error) => error,
            Ok(_) => std::future::pending().await,
        }
    }
}

/// The login has the password in it.
impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("open", &self.pool.size()).finish_non_exhaustive()
    }
}
