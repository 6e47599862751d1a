// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What is read from the store, checked and given to the machine.

use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{NodeId, SyncOperation};

use super::super::error::StoreError;
use super::super::session::Read;
use super::flight::Reading;
use super::{Driver, lost};
use crate::bounded::Bounded as _;
use crate::fleet::{Digest, Record};
use crate::wire::{MAJOR, major};

/// Records read in one go.
const BATCH: usize = 16;
/// Reading everything may take many answers.
const PULL: Duration = Duration::from_secs(10);
/// The longest wait for one of them. Nothing else waits yet, and what others wrote may be large: it
/// passes by until it is known to be left alone.
const READ: Duration = Duration::from_secs(5);

impl Driver {
    /// Every record that there is.
    pub(super) async fn pull(&mut self) -> Result<(), StoreError> {
        let Some(session) = &self.session else { return Err(lost()) };
        let began = self.shared.now();
        let read = async {
            let mut nodes = session.members(READ, began).await?;
            // The set is a hint, and this node's own record may be all that is left.
            let own = self.shared.fleet().node().clone();
            if !nodes.contains(&own) {
                nodes.push(own.clone());
            }
            let mut absent = Vec::new();
            let mut routes = 0;
            for batch in nodes.chunks(BATCH) {
                let reads = session.records(batch.to_vec(), READ, began).await?;
                routes += self.take_records(reads, &mut absent)?;
            }
            absent.retain(|node| *node != own);
            session.dismiss(&absent).await?;
            Ok::<_, StoreError>(routes)
        };
        let result = StoreError::within(PULL, read).await;
        if result.is_ok() {
            self.shared.fleet().remembered();
            self.shared.loaded();
        }
        self.report(SyncOperation::Pull, began, result.as_ref().copied().unwrap_or(0), &result);
        result.map(drop)
    }

    /// A read is over: tells the machine and the observer.
    pub(super) async fn read_landed(
        &self,
        began: Mono,
        result: Result<Reading, StoreError>,
    ) -> Result<(), StoreError> {
        let (mut routes, mut absent) = (0, Vec::new());
        let result = result.and_then(|reading| {
            match reading {
                Reading::Records(reads) => {
                    routes = self.take_records(reads, &mut absent)?;
                    self.shared.fleet().pulled();
                }
                Reading::Headers(reads) => self.take_headers(reads, &mut absent),
            }
            Ok(())
        });
        self.report(SyncOperation::Pull, began, routes, &result);
        result?;
        match &self.session {
            Some(session) => session.dismiss(&absent).await,
            None => Ok(()),
        }
    }

    /// Gives what was read to the machine; returns how many routes that were.
    fn take_records(&self, reads: Vec<Read>, absent: &mut Vec<NodeId>) -> Result<usize, StoreError> {
        let mut routes = 0;
        for read in reads {
            let raw = match read {
                Read::Found(raw) => raw,
                Read::Absent(node) => {
                    self.shared.fleet().absent(&node);
                    absent.push(node);
                    continue;
                }
                Read::Foreign(node) => {
                    let own = self.shared.fleet().node().clone();
                    if node == own {
                        let reason =
                            "a key of ours holds something else: give this fleet a namespace of its own";
                        return Err(StoreError::Other(reason.to_owned()));
                    }
                    self.shared.count_foreign_record();
                    self.shared.fleet().absent(&node);
                    continue;
                }
                // This node's own, if it is that, is written anew.
                Read::Oversized(node) => {
                    self.shared.fleet().absent(&node);
                    continue;
                }
            };
            let header = raw.fields.get(b"@".as_slice());
            if header.and_then(|bytes| major(bytes)).is_some_and(|major| major > MAJOR)
                && raw.node == *self.shared.fleet().node()
            {
                // It ends by itself within a minute or so, if the process that wrote it is gone.
                let reason =
                    "a newer Atrion wrote this node's record: nothing is shared until that has ended";
                return Err(StoreError::Other(reason.to_owned()));
            }
            let header = header.and_then(|bytes| self.shared.decode(bytes));
            let Some((header, _)) = header.filter(|(message, _)| message.header.node == raw.node) else {
                self.shared.fleet().absent(&raw.node);
                continue;
            };
            let mut complete = true;
            let mut parts = Vec::new();
            for (field, bytes) in &raw.fields {
                if !field.starts_with(b"p") {
                    continue;
                }
                match self.shared.decode(bytes) {
                    Some((message, whole)) => {
                        complete &= whole;
                        routes += message.entries.len();
                        parts.push(message);
                    }
                    None => complete = false,
                }
            }
            let record = Record { header: header.header, parts, ttl: raw.ttl, complete };
            let now = self.shared.now();
            let changes = self.shared.fleet().load(record, now);
            self.shared.publish(changes);
        }
        Ok(routes)
    }

    fn take_headers(&self, reads: Vec<Read>, absent: &mut Vec<NodeId>) {
        let mut digests = Vec::new();
        for read in reads {
            match read {
                Read::Found(raw) => {
                    let header = raw.fields.get(b"@".as_slice()).and_then(|bytes| self.shared.decode(bytes));
                    let header = header.filter(|(message, _)| message.header.node == raw.node);
                    digests
                        .extend(header.map(|(message, _)| Digest { header: message.header, ttl: raw.ttl }));
                }
                Read::Absent(node) => absent.push(node),
                Read::Foreign(_) => self.shared.count_foreign_record(),
                Read::Oversized(_) => {}
            }
        }
        let now = self.shared.now();
        let mut fleet = self.shared.fleet();
        fleet.compared(&digests, now);
        absent.retain(|node| node != fleet.node());
    }
}
