// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The task that talks to the store. It does what two machines say, the connection's and the fleet's, and reports how
//! it ended; whatever goes wrong here costs freshness and nothing else.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Event, Health, NodeId, ProviderError, SyncOperation};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::census;
use super::error::StoreError;
use super::shared::Shared;
use super::store::{Read, Store};
use super::{NAME, seed};
use crate::fleet::{Action, Commit, Committed, Digest, Link, LinkEvent, Phase, Record, Step};
use crate::wire::{MAJOR, major};

pub(super) struct Driver {
    shared: Arc<Shared>,
    link: Link,
    store: Option<Store>,
    stop: watch::Receiver<bool>,
    /// When to look at the licence again, when to count clusters, when to look for nodes that came or went.
    licence_due: Mono,
    census_due: Mono,
    notice_due: Mono,
    census: Option<JoinHandle<()>>,
}

/// What is under way. At most one of each kind, so the order on the connection is the order of the machine.
#[derive(Default)]
struct Flights {
    publish: Option<Flight<()>>,
    commit: Option<Flight<usize>>,
    pull: Option<Flight<Reading>>,
    compare: Option<Flight<Reading>>,
}

struct Flight<T> {
    call: Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>,
    began: Mono,
    routes: usize,
}

enum Reading {
    Records(Vec<Read>),
    Headers(Vec<Read>),
}

/// Why a live connection ended.
enum End {
    Stopped,
    Broken(StoreError),
}

/// Opening connections may take as long as several servers that do not answer.
const CONNECT: Duration = Duration::from_secs(3);
/// Reading everything may take many answers.
const PULL: Duration = Duration::from_secs(10);
/// The last words of a life.
const FAREWELL: Duration = Duration::from_millis(900);
/// Records read in one go.
const BATCH: usize = 16;
const NOTICE: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        let now = shared.now();
        let link = Link::new(shared.link, now, seed());
        Self {
            shared,
            link,
            store: None,
            stop,
            licence_due: now,
            census_due: now,
            notice_due: now,
            census: None,
        }
    }

    /// Runs until it is told to stop; says whether everything was stored by then.
    pub(super) async fn run(mut self) -> Result<(), ProviderError> {
        let stored = loop {
            self.look_around();
            if *self.stop.borrow_and_update() {
                break self.farewell().await;
            }
            if !self.shared.permit.is_granted() {
                self.wait(self.licence_due).await;
                continue;
            }
            let now = self.shared.now();
            let heartbeat = self.shared.fleet().heartbeat();
            let step = self.link.next(heartbeat, now);
            if let Step::Wait { until } = step {
                self.wait(until).await;
                continue;
            }
            let mut stop = self.stop.clone();
            let end = tokio::select! {
                end = self.take(step) => end,
                // A step that is waited for may take seconds. Whoever runs the lanes looks up by itself.
                _ = stop.changed(), if !matches!(step, Step::Run { .. }) => continue,
            };
            let Some(end) = end else { continue };
            let now = self.shared.now();
            match end {
                Ok(()) => self.done(now),
                Err(error) => self.failed(error, now),
            }
        };
        if let Some(census) = self.census.take() {
            census.abort();
        }
        let _ = self.shared.health.send_replace(Health::Disconnected);
        stored
    }

    /// Takes a step; nothing if somebody wants it to stop.
    async fn take(&mut self, step: Step) -> Option<Result<(), StoreError>> {
        Some(match step {
            Step::Connect => self.connect().await,
            Step::Subscribe => self.subscribe().await,
            Step::Pull => self.pull().await,
            Step::Push => self.push().await,
            Step::Run { .. } => match self.live().await {
                End::Stopped => return None,
                End::Broken(error) => Err(error),
            },
            Step::Wait { .. } => Ok(()),
        })
    }

    fn done(&mut self, now: Mono) {
        let event = self.link.done(now);
        if self.link.phase() == Phase::Live {
            self.shared.fleet().go_live(now);
            let _ = self.shared.health.send_replace(Health::Up);
        }
        if let Some(LinkEvent::Recovered { outage }) = event {
            self.shared.tell(&Event::ProviderRecovered { provider: NAME, outage });
        }
    }

    fn failed(&mut self, error: StoreError, now: Mono) {
        self.store = None;
        self.shared.endpoint.failed();
        self.shared.fleet().disconnected(now);
        let reason = error.reason();
        let event = self.link.failed(&reason, now);
        let _ = self.shared.health.send_replace(Health::Degraded { reason: reason.into() });
        if event.is_some() {
            let error = Arc::new(error.into_provider_error());
            self.shared.tell(&Event::ProviderDegraded { provider: NAME, error });
        }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let open = Store::open(&shared.endpoint, &shared.keys, shared.key.as_ref());
        self.store = Some(limited(CONNECT, open).await?);
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<(), StoreError> {
        match &mut self.store {
            Some(store) => store.subscribe().await,
            None => Err(lost()),
        }
    }

    /// Every record that there is.
    async fn pull(&mut self) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Err(lost()) };
        let began = self.shared.now();
        let read = async {
            let mut nodes = store.members().await?;
            // The set is a hint, and one's own record may be all that is left.
            let own = self.shared.fleet().node().clone();
            if !nodes.contains(&own) {
                nodes.push(own.clone());
            }
            let mut absent = Vec::new();
            let mut routes = 0;
            for batch in nodes.chunks(BATCH) {
                let reads = store.records(batch.to_vec()).await?;
                routes += self.take_records(reads, &mut absent)?;
            }
            absent.retain(|node| *node != own);
            store.dismiss(&absent).await?;
            Ok(routes)
        };
        let result = limited(PULL, read).await;
        if result.is_ok() {
            self.shared.fleet().remembered();
        }
        self.report(SyncOperation::Pull, began, result.as_ref().copied().unwrap_or(0), &result);
        result.map(drop)
    }

    /// The own record, whole.
    async fn push(&mut self) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Err(lost()) };
        let now = self.shared.now();
        let commit = self.shared.fleet().push(now);
        let result = store.commit(&commit).await;
        self.commit_landed(now, routes(&commit), result)
    }

    /// Runs the lanes until something breaks or somebody wants it to stop.
    async fn live(&mut self) -> End {
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
            let Some(store) = &self.store else { return End::Broken(lost()) };
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
                messages = store.inbox.next() => match messages {
                    Some(messages) => {
                        self.link.heard(self.shared.now());
                        self.shared.count_overflow(store.inbox.take_dropped());
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
        let Some(store) = &self.store else { return Err(lost()) };
        loop {
            let began = self.shared.now();
            let Some(action) = self.shared.fleet().poll(began) else { return Ok(()) };
            match action {
                Action::Publish(messages) => {
                    let routes = messages.iter().map(|message| message.entries.len()).sum();
                    flights.publish = Some(begin(store.publish(&messages), began, routes).await);
                }
                Action::Commit(commit) => {
                    let routes = routes(&commit);
                    flights.commit = Some(begin(store.commit(&commit), began, routes).await);
                }
                Action::Pull(nodes) => {
                    let read = store.records(nodes);
                    let read = async move { Ok(Reading::Records(read.await?)) };
                    flights.pull = Some(begin(read, began, 0).await);
                }
                Action::Compare => {
                    let read = store.headers();
                    let read = async move { Ok(Reading::Headers(read.await?)) };
                    flights.compare = Some(begin(read, began, 0).await);
                }
            }
        }
    }

    fn commit_landed(
        &self,
        began: Mono,
        routes: usize,
        result: Result<usize, StoreError>,
    ) -> Result<(), StoreError> {
        let end = match &result {
            Ok(added) => Committed::Stored { added: *added },
            Err(_) => Committed::Failed,
        };
        let now = self.shared.now();
        self.shared.fleet().committed(end, now);
        self.report(SyncOperation::Push, began, routes, &result);
        result.map(drop)
    }

    async fn read_landed(&self, began: Mono, result: Result<Reading, StoreError>) -> Result<(), StoreError> {
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
        match &self.store {
            Some(store) => store.dismiss(&absent).await,
            None => Ok(()),
        }
    }

    /// Gives what was read to the machine; says how many routes that were.
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
            };
            let header = raw.fields.get(b"@".as_slice());
            if header.and_then(|bytes| major(bytes)).is_some_and(|major| major > MAJOR)
                && raw.node == *self.shared.fleet().node()
            {
                // It ends by itself within a minute or so, if whoever wrote it is gone.
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
            }
        }
        let now = self.shared.now();
        let mut fleet = self.shared.fleet();
        fleet.compared(&digests, now);
        absent.retain(|node| node != fleet.node());
    }

    /// Everything that is not stored yet, and goodbye.
    async fn farewell(&mut self) -> Result<(), ProviderError> {
        let now = self.shared.now();
        let (Some(store), Phase::Live) = (&self.store, self.link.phase()) else {
            self.shared.fleet().disconnected(now);
            if self.shared.permit.is_granted() && self.shared.fleet().lag(now) > Duration::ZERO {
                return Err(ProviderError::unavailable(NAME, "the last changes were not stored"));
            }
            return Ok(());
        };
        let commit = self.shared.fleet().leave(now);
        let result = limited(FAREWELL, store.commit(&commit)).await;
        let result = self.commit_landed(now, routes(&commit), result);
        let now = self.shared.now();
        self.shared.fleet().disconnected(now);
        result.map_err(StoreError::into_provider_error)
    }

    /// What is due beside the connection: the licence, the count of clusters, nodes that came and went.
    fn look_around(&mut self) {
        let (now, wall) = (self.shared.now(), self.shared.wall());
        if now >= self.licence_due {
            if let Some(event) = self.shared.permit.poll(wall) {
                self.shared.tell(&event);
            }
            if !self.shared.permit.is_granted() {
                let reason = self.shared.permit.refusal().map_or_else(String::new, |error| error.to_string());
                let reason = format!("state stays in memory without a licence: {reason}");
                let _ = self.shared.health.send_replace(Health::Degraded { reason: reason.into() });
            }
            self.licence_due = now.after(self.shared.permit.next_due(wall));
        }
        if now >= self.notice_due {
            self.shared.notice();
            self.notice_due = now.after(NOTICE);
        }
        let counted = self.census.as_ref().is_none_or(JoinHandle::is_finished);
        if now >= self.census_due && counted && self.link.phase() == Phase::Live {
            self.census_due = now.after(census::EVERY);
            let shared = Arc::clone(&self.shared);
            self.census = Some(tokio::spawn(async move {
                if let Err(error) = census::count(&shared).await {
                    tracing::debug!(target: "atrion", provider = NAME, reason = error.reason(), "clusters were not counted");
                }
            }));
        }
    }

    fn next_look(&self) -> Mono {
        self.licence_due.min(self.notice_due)
    }

    /// Waits, unless somebody wants it to stop.
    async fn wait(&mut self, until: Mono) {
        let until = until.min(self.next_look());
        let nap = until.since(self.shared.now()).max(LEAST_NAP);
        tokio::select! {
            () = sleep(nap) => {}
            _ = self.stop.changed() => {}
        }
    }

    fn report<T>(
        &self,
        operation: SyncOperation,
        began: Mono,
        routes: usize,
        result: &Result<T, StoreError>,
    ) {
        let duration = self.shared.now().since(began);
        let result = match result {
            Ok(_) => Ok(()),
            Err(error) => Err(Arc::new(ProviderError::unavailable(NAME, error.reason()))),
        };
        self.shared.tell(&Event::SyncFinished { provider: NAME, operation, duration, routes, result });
    }
}

/// A machine that is due all the time must not keep a core busy.
const LEAST_NAP: Duration = Duration::from_millis(1);

/// Begins a call: it is polled once, so that what it has to say is on the connection before whatever is begun next.
async fn begin<T>(
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    began: Mono,
    routes: usize,
) -> Flight<T>
where
    T: Send + 'static,
{
    let mut call: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(call);
    let first = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    if let Poll::Ready(result) = first {
        call = Box::pin(std::future::ready(result));
    }
    Flight { call, began, routes }
}

/// Waits for a flight to land; for ever if there is none. Cancel safe: a flight that has not landed stays.
async fn landing<T>(flight: &mut Option<Flight<T>>) -> (Flight<T>, Result<T, StoreError>) {
    let result = match flight {
        Some(flight) => flight.call.as_mut().await,
        None => pending().await,
    };
    match flight.take() {
        Some(landed) => (landed, result),
        None => pending().await,
    }
}

async fn limited<T>(
    span: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(span, call).await.unwrap_or(Err(StoreError::Timeout { after: span }))
}

fn routes(commit: &Commit) -> usize {
    commit.messages.iter().map(|message| message.entries.len()).sum()
}

fn lost() -> StoreError {
    StoreError::Other("the connection is gone".to_owned())
}
