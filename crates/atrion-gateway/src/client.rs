// SPDX-License-Identifier: Apache-2.0
//! A client, as far as its connection says who it is, and for how long it may stay.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::idle::{Busy, Life};
use crate::places::Place;

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// They stay.
    Open,
    /// They finish what they have begun.
    Draining,
    /// They end.
    CutOff,
}

/// A client, as far as its connection says who it is. Its place among the connections is free when
/// the last clone is gone: a tunnel keeps it.
#[derive(Clone)]
pub(crate) struct Client(Arc<Who>);

struct Who {
    address: Option<SocketAddr>,
    is_tls: bool,
    names: Vec<String>,
    life: Arc<Life>,
    phase: watch::Receiver<Phase>,
    _place: Place,
}

impl Client {
    pub(crate) fn new(
        address: Option<SocketAddr>,
        is_tls: bool,
        names: Vec<String>,
        life: Arc<Life>,
        phase: watch::Receiver<Phase>,
        place: Place,
    ) -> Self {
        Self(Arc::new(Who { address, is_tls, names, life, phase, _place: place }))
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.0.is_tls
    }

    /// The names in its certificate, which was verified.
    pub(crate) fn names(&self) -> &[String] {
        &self.0.names
    }

    /// Keeps the connection from counting as idle.
    pub(crate) fn busy(&self) -> Busy {
        self.0.life.request()
    }

    /// What `work` gives, or nothing if all connections are cut off before.
    pub(crate) async fn unless_cut_off<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut phase = self.0.phase.clone();
        tokio::select! {
            done = work => Some(done),
            () = reached(&mut phase, Phase::CutOff) => None,
        }
    }
}

/// Waits for a phase. Without a gateway there is nothing left to wait for.
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    drop(phase.wait_for(|phase| *phase >= wanted).await);
}
