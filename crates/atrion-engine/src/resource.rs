// SPDX-License-Identifier: Apache-2.0
//! What a process can run out of, as signals: built in, and off until they are asked for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atrion_state::Clock;

use crate::signal::{Gauge, Signal, SignalError};

mod cgroup;
mod cpu;
mod delay;
mod files;
mod memory;

#[cfg(all(test, not(atrion_loom)))]
mod tests;

/// Something that the process can run out of, measured by [`Atrion::watch`](crate::Atrion::watch).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// The memory of the process's cgroup without what the kernel can take back at once, as a part
    /// of its limit or of the tightest one above it. Linux, cgroups 1 and 2.
    Memory,
    /// The processor time of the cgroup as a part of its quota. Linux, cgroups 1 and 2.
    Cpu,
    /// The part of the quota's periods in which the cgroup was stopped because it had used all of
    /// it, about the last second's. Linux, cgroups 1 and 2.
    Throttling,
    /// Open files as a part of how many the process may have. Linux.
    OpenFiles,
    /// How late the tokio runtime that it is asked for on gets to a task that is ready, in seconds.
    SchedulingDelay,
}

impl Resource {
    /// The name of its signal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Throttling => "cpu throttling",
            Self::OpenFiles => "open files",
            Self::SchedulingDelay => "scheduling delay",
        }
    }

    /// What it means unless the caller knows better.
    #[must_use = "a signal does nothing until it is made"]
    pub const fn usual(self) -> Signal {
        match self {
            Self::Memory => Signal::target(0.85).edge(0.95),
            // All of the quota is no trouble by itself: what waits for it is.
            Self::Cpu => Signal::target(0.9).edge(1.0),
            Self::Throttling => Signal::target(0.25).edge(0.75),
            Self::OpenFiles => Signal::target(0.8).edge(0.95),
            Self::SchedulingDelay => Signal::target(0.02).edge(0.2),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Gives a number whenever it is asked.
type Meter = Box<dyn FnMut() -> f64 + Send>;

/// Starts to measure, once it is known that there is something to measure.
pub(crate) fn watch(
    resource: Resource,
    clock: &Arc<dyn Clock>,
    interval: Duration,
    signal: impl FnOnce() -> Result<Gauge, SignalError>,
) -> Result<Gauge, SignalError> {
    if resource == Resource::SchedulingDelay {
        return delay::watch(clock, signal);
    }
    let meter = meter(resource, &Host::here(), clock)
        .map_err(|why| SignalError::Unmeasurable(resource, why.to_string().into()))?;
    let gauge = signal()?;
    gauge.ask(interval, meter)?;
    Ok(gauge)
}

fn meter(resource: Resource, host: &Host, clock: &Arc<dyn Clock>) -> io::Result<Meter> {
    match resource {
        Resource::Memory => memory::meter(host),
        Resource::Cpu => cpu::usage(host, clock),
        Resource::Throttling => cpu::throttling(host, clock),
        Resource::OpenFiles => files::meter(host),
        Resource::SchedulingDelay => Err(unlimited("it is no file's number")),
    }
}

/// Where the files of the kernel are: `/`, or a recording of them.
#[derive(Debug, Clone)]
struct Host(PathBuf);

impl Host {
    fn here() -> Self {
        Self(PathBuf::from("/"))
    }

    /// A file by its path on the host.
    fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        std::fs::read_to_string(self.at(path))
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn unlimited(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, what.to_owned())
}

/// The number of a line `name number`.
fn field(text: &str, name: &str) -> io::Result<u64> {
    let number =
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
    number.ok_or_else(|| invalid(&format!("no number `{name}`")))
}

/// The number that a file has.
fn number(text: &str) -> io::Result<u64> {
    text.trim().parse().map_err(|_| invalid("not a whole number"))
}
