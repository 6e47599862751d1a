// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The dependency that all nodes call.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::Failure;

pub(crate) struct Dependency {
    pub(crate) address: SocketAddr,
    fails: Arc<AtomicBool>,
}

impl Dependency {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let fails = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&fails);
        let work = get(move || async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if state.load(Relaxed) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/work", work)).await });
        Ok(Self { address, fails })
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Relaxed);
    }
}
