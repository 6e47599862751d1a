// SPDX-License-Identifier: Apache-2.0
//! Vectors in a file, a line for each update. The last line of a route holds.
//!
//! - **Ages.** Inside of a process the monotonic clock ages a vector; the wall clock counts only the time
//!   between two lives of the process.
//! - **Fsync.** An update returns when the operating system has its line: a killed process loses nothing, a
//!   machine that loses power loses what the system had not yet written. `disconnect`, and every rewrite of
//!   the file, wait for the disk.
//! - **Corrupt content.** A line that is no vector is skipped and counted.
//! - **Bounds.** The file holds [`MOST_ROUTES`] routes: neutral vectors go first, then those whose update is
//!   the oldest. It is rewritten when most of its lines are outdated.
//! - **Blocking.** Files block, so each call does its work on a thread that may block, under a lock that
//!   only such threads take.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion::provider::{
    BoxFuture, Capabilities, Clock, Mono, PhysicsVector, ProviderError, RouteId, StateProvider, SystemClock,
    lock,
};

const NAME: &str = "file";

/// As many routes as an instance has by default.
pub(crate) const MOST_ROUTES: usize = 10_000;

/// A store of one node. Clones are handles to the same file.
#[derive(Debug, Clone)]
pub(crate) struct FileStore {
    disk: Arc<Mutex<Disk>>,
    calls: Arc<AtomicU64>,
    skipped: Arc<AtomicU64>,
}

impl FileStore {
    /// A store in this file, which is made if it is missing. Nothing is read before `connect`.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self::with_clock(path, Arc::new(SystemClock))
    }

    /// The same with another clock, for tests.
    pub(crate) fn with_clock(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let skipped = Arc::<AtomicU64>::default();
        let (vectors, counted) = (HashMap::new(), Arc::clone(&skipped));
        let disk = Disk { path: path.into(), clock, open: None, vectors, skipped: counted };
        Self { disk: Arc::new(Mutex::new(disk)), calls: Arc::default(), skipped }
    }

    /// How many lines were no vectors, since this store was made.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    /// Does the work on a thread that may block. A future that is dropped leaves the work to its
    /// end.
    fn blocking<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Disk) -> Result<T, ProviderError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, ProviderError>> {
        let disk = Arc::clone(&self.disk);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&mut lock(&disk))).await;
            done.unwrap_or_else(|died| {
                Err(ProviderError::unavailable(NAME, "the call broke off").caused_by(died))
            })
        })
    }
}

impl StateProvider for FileStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(NAME).durable(true)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.blocking(|disk| disk.connect().map_err(failed))
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.blocking(|disk| disk.disconnect().map_err(failed))
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        let route = route.clone();
        self.blocking(move |disk| disk.get(&route))
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        let call = self.calls.fetch_add(1, Relaxed);
        self.blocking(move |disk| disk.update(call, &[(route, vector)]))
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let (call, batch) = (self.calls.fetch_add(1, Relaxed), batch.to_vec());
        self.blocking(move |disk| disk.update(call, &batch))
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        self.blocking(|disk| disk.all())
    }
}

/// The file and what it holds. Only threads that may block take the lock.
#[derive(Debug)]
struct Disk {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    /// `None` without a connection.
    open: Option<Open>,
    vectors: HashMap<RouteId, Kept>,
    skipped: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Open {
    file: File,
    lines: usize,
    /// The last write broke off, so the next one begins with a new line.
    torn: bool,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    vector: PhysicsVector,
    /// When `vector` had its age.
    since: Mono,
    /// The number of the call that stored it. Calls run on several threads and may overtake each
    /// other.
    call: u64,
}

impl Kept {
    fn aged(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.since))
    }
}

impl Disk {
    fn connect(&mut self) -> io::Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let content = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            content => content?,
        };
        let (now, wall) = (self.clock.now(), self.clock.wall().as_millis());
        for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match parse(line) {
                Some((route, written, vector)) => {
                    let vector = vector.older_by(Duration::from_millis(wall.saturating_sub(written)));
                    self.keep(route, Kept { vector, since: now, call: 0 });
                }
                None => _ = self.skipped.fetch_add(1, Relaxed),
            }
        }
        self.rewrite()
    }

    fn disconnect(&mut self) -> io::Result<()> {
        self.vectors.clear();
        self.open.take().map_or(Ok(()), |open| open.file.sync_all())
    }

    fn get(&self, route: &RouteId) -> Result<Option<PhysicsVector>, ProviderError> {
        self.connected()?;
        Ok(self.vectors.get(route).map(|kept| kept.aged(self.clock.now())))
    }

    fn all(&self) -> Result<Vec<(RouteId, PhysicsVector)>, ProviderError> {
        self.connected()?;
        let now = self.clock.now();
        Ok(self.vectors.iter().map(|(route, kept)| (route.clone(), kept.aged(now))).collect())
    }

    fn update(&mut self, call: u64, batch: &[(RouteId, PhysicsVector)]) -> Result<(), ProviderError> {
        let (now, wall) = (self.clock.now(), self.clock.wall().as_millis());
        let is_later = |route: &RouteId| self.vectors.get(route).is_none_or(|kept| kept.call <= call);
        let batch: Vec<_> = batch.iter().filter(|(route, _)| is_later(route)).collect();
        let lines =
            batch.iter().map(|(route, vector)| line(route, wall, vector)).collect::<Result<String, _>>();
        let lines = lines.map_err(|error| ProviderError::rejected(NAME, "no JSON").caused_by(error))?;

        // The file first: what it does not have is not given back either.
        let Some(open) = &mut self.open else { return Err(ProviderError::Disconnected { provider: NAME }) };
        let lines = if open.torn { format!("\n{lines}") } else { lines };
        open.torn = true;
        open.file.write_all(lines.as_bytes()).map_err(failed)?;
        open.torn = false;
        open.lines += batch.len();
        let is_mostly_outdated = open.lines > 2 * self.vectors.len() + MOST_ROUTES;
        for (route, vector) in batch {
            self.keep(route.clone(), Kept { vector: *vector, since: now, call });
        }
        if is_mostly_outdated { self.rewrite().map_err(failed) } else { Ok(()) }
    }

    fn keep(&mut self, route: RouteId, kept: Kept) {
        if self.vectors.len() >= MOST_ROUTES && !self.vectors.contains_key(&route) {
            let now = self.clock.now();
            let worth = |kept: &Kept| (!kept.aged(now).is_neutral(), kept.call);
            let least =
                self.vectors.iter().min_by_key(|(_, kept)| worth(kept)).map(|(route, _)| route.clone());
            least.and_then(|route| self.vectors.remove(&route));
        }
        self.vectors.insert(route, kept);
    }

    /// Writes what holds into a new file and puts it in the place of the old one, whole.
    fn rewrite(&mut self) -> io::Result<()> {
        let (now, wall) = (self.clock.now(), self.clock.wall().as_millis());
        let mut content = String::new();
        for (route, kept) in &self.vectors {
            content += &line(route, wall, &kept.aged(now))?;
        }
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let file = OpenOptions::new().append(true).open(&self.path)?;
        self.open = Some(Open { file, lines: self.vectors.len(), torn: false });
        Ok(())
    }

    fn connected(&self) -> Result<(), ProviderError> {
        self.open.as_ref().map(|_| ()).ok_or(ProviderError::Disconnected { provider: NAME })
    }
}

/// `["api/checkout",1767960000123,{…}]`: the route, the wall time in milliseconds, and the vector.
/// JSON has no line breaks inside of strings.
fn line(route: &RouteId, wall: u64, vector: &PhysicsVector) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(&(route.as_str(), wall, vector))?;
    let _ = writeln!(line);
    Ok(line)
}

/// The vector's own types check its numbers.
fn parse(line: &[u8]) -> Option<(RouteId, u64, PhysicsVector)> {
    let (route, written, vector): (String, u64, PhysicsVector) = serde_json::from_slice(line).ok()?;
    Some((RouteId::new(&route).ok()?, written, vector))
}

/// A full disk may have room later: the same update can succeed then.
fn failed(error: io::Error) -> ProviderError {
    ProviderError::unavailable(NAME, error.to_string()).caused_by(error)
}
