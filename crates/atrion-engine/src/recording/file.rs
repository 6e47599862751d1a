// SPDX-License-Identifier: Apache-2.0
//! A recording in a file: bounded, buffered, written by a thread of its own. The pulse hands a
//! pulse over or, if the queue is full, counts it as lost; it waits for no disk.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use atrion_core::{Mono, Wall};
use atrion_state::{Event, Fanout, Observer as _, RecordingEnd, RouteId};

use super::lines::{EndLine, Header, Line};
use super::{PulseRecord, Start};
use crate::physics::{Model, Tap, Tapped};

/// Where a recording goes, and how large it may get.
#[derive(Debug, Clone)]
#[must_use = "a recording begins with Atrion::record"]
pub struct Recording {
    path: PathBuf,
    bytes: u64,
    span: Duration,
}

impl Recording {
    /// Into a new file at `path`: 16 MiB and an hour at the most, which is about the same.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes: 16 << 20, span: Duration::from_secs(3600) }
    }

    /// Sets the most bytes. 64 KiB at the least: under that there is hardly a recording.
    pub fn most_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes.max(64 << 10);
        self
    }

    /// Sets the longest time.
    pub fn longest(mut self, span: Duration) -> Self {
        self.span = span;
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be made. One that exists is not written over.
    #[error("cannot record into {}: {source}; name a new file in a folder that can be written to", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("no thread to write the recording with: {0}")]
    Thread(io::Error),
}

/// A recording that is being made. It ends when this is dropped, or at its limit; an
/// [`Event::RecordingEnded`] says so.
#[derive(Debug)]
#[must_use = "dropped, the recording ends at once"]
pub struct Recorder {
    tap: Arc<FileTap>,
    thread: JoinHandle<Written>,
    path: PathBuf,
}

/// What a recording has become.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Pulses in it.
    pub pulses: u64,
    /// Its size.
    pub bytes: u64,
    /// Why it ended.
    pub end: RecordingEnd,
}

impl Recorder {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It has come to its limit, or could not go on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it and waits until everything is written: a blocking call, of milliseconds where the
    /// disk is well.
    pub fn stop(self) -> Written {
        let Self { tap, thread, path } = self;
        // The thread ends when no tap is left that could send to it.
        drop(tap);
        thread.join().unwrap_or_else(|_| {
            let end = RecordingEnd::Failed("its thread panicked".into());
            Written { path, pulses: 0, bytes: 0, end }
        })
    }

    /// Makes the file and the thread.
    pub(crate) fn begin(
        recording: Recording,
        route: &RouteId,
        interval: Duration,
        wall: Wall,
        observers: Weak<Fanout>,
    ) -> Result<Self, RecordError> {
        let Recording { path, bytes, span } = recording;
        let unwritable = |source| RecordError::File { path: path.clone(), source };
        let file = File::options().write(true).create_new(true).open(&path).map_err(unwritable)?;
        let mut page = Page { file: BufWriter::new(file), bytes: 0, most: bytes };
        // Now, so that a disk that is full is known at once.
        let header = Header::new(route.as_str(), interval, wall);
        page.write(&header).and_then(|()| page.file.flush()).map_err(unwritable)?;
        let (queue, lines) = sync_channel(QUEUE);
        let writer = Writer { page, span, pulses: 0, first: None };
        let (route, its_path) = (route.clone(), path.clone());
        let thread = thread::Builder::new()
            .name("atrion-recorder".into())
            .spawn(move || writer.run(&lines, &route, its_path, &observers))
            .map_err(RecordError::Thread)?;
        let tap = FileTap { queue, lost: AtomicU64::default(), is_broken: AtomicBool::default() };
        Ok(Self { tap: Arc::new(tap), thread, path })
    }

    /// What the route tells its pulses.
    pub(crate) fn tap(&self) -> Weak<dyn Tap> {
        let tap: Arc<dyn Tap> = Arc::clone(&self.tap) as Arc<dyn Tap>;
        Arc::downgrade(&tap)
    }
}

/// This many pulses may wait for the disk: half a minute of them.
const QUEUE: usize = 300;

/// What waits for the disk longer than this is written even if more may come.
const FLUSHED: Duration = Duration::from_secs(1);

/// The pulse's end of the queue.
#[derive(Debug)]
struct FileTap {
    queue: SyncSender<Line>,
    /// Pulses since the last one that was taken: the next thing in the file has to be a state to go
    /// on from.
    lost: AtomicU64,
    is_broken: AtomicBool,
}

impl FileTap {
    // Relaxed throughout: the route's lock is around every call.
    fn send(&self, line: Line) -> bool {
        match self.queue.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Full(line)) => {
                let lost = u64::from(matches!(line, Line::Pulse(_)));
                self.lost.fetch_add(lost, Relaxed);
                self.is_broken.store(true, Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

impl Tap for FileTap {
    fn computed(&self, step: &Tapped<'_>) -> bool {
        if self.is_broken.load(Relaxed) {
            self.lost.fetch_add(1, Relaxed);
            self.restarted(step.model, step.fed.now)
        } else {
            self.send(Line::Pulse(Box::new(PulseRecord::of(step))))
        }
    }

    fn restarted(&self, model: &Model, now: Mono) -> bool {
        self.is_broken.store(false, Relaxed);
        let lost = self.lost.swap(0, Relaxed);
        let goes_on = self.send(Line::Start(Box::new(Start { lost, ..Start::of(model, now) })));
        if self.is_broken.load(Relaxed) {
            self.lost.fetch_add(lost, Relaxed);
        }
        goes_on
    }
}

struct Page {
    file: BufWriter<File>,
    bytes: u64,
    most: u64,
}

/// What the last line may take.
const LAST: u64 = 512;

impl Page {
    fn write(&mut self, line: &impl serde::Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// False: there is no room for it beside the last line.
    fn write_if_it_fits(&mut self, line: &Line) -> io::Result<bool> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let fits = self.bytes + text.len() as u64 + LAST <= self.most;
        if fits {
            self.file.write_all(&text)?;
            self.bytes += text.len() as u64;
        }
        Ok(fits)
    }
}

struct Writer {
    page: Page,
    span: Duration,
    pulses: u64,
    first: Option<Mono>,
}

impl Writer {
    fn run(
        mut self,
        lines: &Receiver<Line>,
        route: &RouteId,
        path: PathBuf,
        observers: &Weak<Fanout>,
    ) -> Written {
        let end = self.take(lines).unwrap_or_else(|error| RecordingEnd::Failed(error.to_string().into()));
        let last = Line::End(EndLine { why: end.to_string(), pulses: self.pulses });
        let written = self.page.write(&last).and_then(|()| self.page.file.flush());
        let end = match (end, written) {
            (RecordingEnd::Failed(reason), _) => RecordingEnd::Failed(reason),
            (_, Err(error)) => RecordingEnd::Failed(error.to_string().into()),
            (end, Ok(())) => end,
        };
        if let Some(observers) = observers.upgrade() {
            let (route, pulses, end) = (route.clone(), self.pulses, end.clone());
            observers.on_event(&Event::RecordingEnded { route, pulses, end });
        }
        Written { path, pulses: self.pulses, bytes: self.page.bytes, end }
    }

    fn take(&mut self, lines: &Receiver<Line>) -> io::Result<RecordingEnd> {
        loop {
            let line = match lines.recv_timeout(FLUSHED) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    self.page.file.flush()?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(RecordingEnd::Stopped),
            };
            if let Line::Pulse(pulse) = &line {
                let first = *self.first.get_or_insert(pulse.at);
                if pulse.at.since(first) > self.span {
                    return Ok(RecordingEnd::Span);
                }
            }
            if !self.page.write_if_it_fits(&line)? {
                return Ok(RecordingEnd::Bytes);
            }
            self.pulses += u64::from(matches!(line, Line::Pulse(_)));
        }
    }
}
