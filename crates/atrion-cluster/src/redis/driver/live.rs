// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A connection that works: the lanes run, and what comes is taken.

use atrion_state::SyncOperation;
use tokio::time::sleep;
use tracing::debug_span;

use super::super::NAME;
use super::super::endpoint::ANSWER;
use super::super::error::StoreError;
use super::flight::{Flights, Reading, begin, landing};
use super::{Driver, LEAST_NAP, lost, routes};
use crate::fleet::{Action, Step};

/// Why a live connection ended.
pub(super) enum End {
    Stopped,
    Broken(StoreError),
}

impl Driver {
    /// Runs the lanes until something breaks or the worker is to stop.
    pub(super) async fn live(&mut self) -> End {
        let mut flights = Flights::default();
        loop {
            self.look_around();
            let (now, heartbeat) = (self.shared.now(), self.shared.fleet().heartbeat());
            if self.link.is_silent(heartbeat, now) {
                let silence = format!("the subscription was silent for {:?}", heartbeat * 3);
                return End::Broken(StoreError::Other(silence));
            }
            if let Err(error) = self.act(&mut flights).await {
                return End::Broken(error);
            }
            let Some(session) = &self.session else { return End::Broken(lost()) };
            let silence = match self.link.next(heartbeat, now) {
                Step::Run { until } => until,
                _ => now,
            };
            let deadline = self.shared.fleet().deadline().min(silence).min(self.next_look());
            let nap = deadline.since(self.shared.now()).max(LEAST_NAP);
            let stirred = self.shared.stirred.notified();
            let landed: Result<(), StoreError> = tokio::select! {
                () = sleep(nap) => Ok(()),
                () = stirred => Ok(()),
                _ = self.stop.changed() => Ok(()),
                messages = session.inbox.next() => match messages {
                    Some(messages) => {
                        self.link.heard(self.shared.now());
                        self.shared.count_overflow(session.inbox.take_dropped());
                        messages.iter().for_each(|bytes| self.shared.receive(bytes));
                        Ok(())
                    }
                    None => Err(StoreError::Other("the subscription ended".to_owned())),
                },
                (flight, result) = landing(&mut flights.publish) => {
                    self.shared.fleet().published(self.shared.now());
                    self.report(SyncOperation::Push, flight.began, flight.routes, &result);
                    result
                }
                (flight, result) = landing(&mut flights.commit) => {
                    self.commit_landed(flight.began, flight.routes, result)
                }
                (flight, result) = landing(&mut flights.pull) => self.read_landed(flight.began, result).await,
                (flight, result) = landing(&mut flights.compare) => self.read_landed(flight.began, result).await,
            };
            if let Err(error) = landed {
                return End::Broken(error);
            }
            if *self.stop.borrow() {
                return End::Stopped;
            }
        }
    }

    /// Begins everything that the machine wants begun.
    async fn act(&mut self, flights: &mut Flights) -> Result<(), StoreError> {
        let Some(session) = &self.session else { return Err(lost()) };
        loop {
            let began = self.shared.now();
            let Some(action) = self.shared.fleet().poll(began) else { return Ok(()) };
            match action {
                Action::Publish(messages) => {
                    let routes: usize = messages.iter().map(|message| message.entries.len()).sum();
                    let span = debug_span!(target: "atrion", parent: None, "atrion.state.push", provider = NAME, routes);
                    flights.publish = Some(begin(span, session.publish(&messages), began, routes).await);
                }
                Action::Commit(commit) => {
                    let routes = routes(&commit);
                    let span = debug_span!(target: "atrion", parent: None, "atrion.state.push", provider = NAME, routes);
                    flights.commit = Some(begin(span, session.commit(&commit), began, routes).await);
                }
                Action::Pull(nodes) => {
                    let read = session.records(nodes, ANSWER, began);
                    let read = async move { Ok(Reading::Records(read.await?)) };
                    let span =
                        debug_span!(target: "atrion", parent: None, "atrion.state.pull", provider = NAME);
                    flights.pull = Some(begin(span, read, began, 0).await);
                }
                Action::Compare => {
                    let read = session.headers(began);
                    let read = async move { Ok(Reading::Headers(read.await?)) };
                    let span =
                        debug_span!(target: "atrion", parent: None, "atrion.state.pull", provider = NAME);
                    flights.compare = Some(begin(span, read, began, 0).await);
                }
            }
        }
    }
}
