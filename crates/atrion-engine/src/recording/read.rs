// SPDX-License-Identifier: Apache-2.0
//! Reading a recording: exact on the version, tolerant of settings that this version does not know,
//! with a bound on everything. The file may come from anywhere.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Mono, Wall};
use atrion_state::Escaped;
use serde_json::Value;

use super::lines::{Header, ReadLine, ReadStart, VERSION};
use super::{Part, Recorded, Start};
use crate::config::{Config, ConfigError, Physics, RfcPhysics, RouteConfig};

/// How much is read.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct RecordedLimits {
    /// Bytes of a line.
    pub line: u64,
    /// Bytes in all.
    pub bytes: u64,
}

impl Default for RecordedLimits {
    /// 64 KiB a line, 256 MiB in all.
    fn default() -> Self {
        Self { line: 64 << 10, bytes: 256 << 20 }
    }
}

/// Why a file gives no recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordedError {
    /// The file cannot be read.
    #[error("cannot read the recording: {0}")]
    Io(#[from] io::Error),
    /// The file is not a recording.
    #[error(
        "this is no recording: line 1 has no `atrion_recording` with route, interval_ns and started_ms ({})",
        Plain(.0)
    )]
    NotARecording(serde_json::Error),
    /// The recording has a form that this version does not know.
    #[error(
        "the recording has form {found}, and this program knows form {VERSION}: use the version that wrote it ({})",
        Escaped(engine)
    )]
    Version {
        /// The version that it names.
        found: u64,
        /// The engine that wrote it.
        engine: String,
    },
    /// A line does not have its form.
    #[error("line {line} of the recording: {}", Plain(source))]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A line is too long.
    #[error("line {line} of the recording is longer than {most} bytes")]
    LineTooLong {
        /// Its number.
        line: u64,
        /// The limit.
        most: u64,
    },
    /// The recording is too long.
    #[error("the recording is longer than {most} bytes: record less at a time, or raise the limit")]
    TooLong {
        /// The limit.
        most: u64,
    },
    /// A pulse comes before anything to start from, or there is a line after the end.
    #[error("line {line} of the recording: {what}")]
    Order {
        /// Its number.
        line: u64,
        /// What is out of order.
        what: &'static str,
    },
    /// The configuration in it is not valid.
    #[error("line {line} of the recording: {source}")]
    Config {
        /// Its number.
        line: u64,
        /// Everything that is wrong.
        source: ConfigError,
    },
}

/// An error that may quote what stands in the file.
struct Plain<'a>(&'a serde_json::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0.to_string()).fmt(f)
    }
}

impl Recorded {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RecordedError`] with the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordedError> {
        Self::read(BufReader::new(File::open(path)?), RecordedLimits::default())
    }

    /// Reads from anywhere. A last line that was cut off is left out; [`end`](Self::end) is `None`
    /// then.
    ///
    /// # Errors
    /// [`RecordedError`] with the line.
    pub fn read(mut from: impl BufRead, limits: RecordedLimits) -> Result<Self, RecordedError> {
        let mut lines = Lines { number: 0, bytes: 0, limits, text: Vec::new() };
        let header = match lines.next(&mut from)? {
            Some((text, _)) => serde_json::from_slice(text).map_err(RecordedError::NotARecording)?,
            None => serde_json::from_slice(b"").map_err(RecordedError::NotARecording)?,
        };
        let Header { atrion_recording: found, engine, route, interval_ns, started_ms, .. } = header;
        if !(1..=VERSION).contains(&found) {
            return Err(RecordedError::Version { found, engine });
        }
        let mut recorded = Self {
            route,
            engine,
            interval: Duration::from_nanos(interval_ns),
            started: Wall::from_millis(started_ms),
            parts: Vec::new(),
            unknown: Vec::new(),
            end: None,
        };
        while let Some((text, is_whole)) = lines.next(&mut from)? {
            let read = match serde_json::from_slice(text) {
                Ok(read) => read,
                // The process that wrote it has died in the middle of a line.
                Err(_) if !is_whole => break,
                Err(source) => return Err(RecordedError::Line { line: lines.number, source }),
            };
            recorded.take(read, lines.number)?;
        }
        Ok(recorded)
    }

    fn take(&mut self, read: ReadLine, line: u64) -> Result<(), RecordedError> {
        let order = |what| RecordedError::Order { line, what };
        if self.end.is_some() {
            return Err(order("nothing comes after the end"));
        }
        match read {
            ReadLine::Start(ReadStart { at_ns, config, state, lost }) => {
                let config = known(config, &mut self.unknown)
                    .map_err(|source| RecordedError::Line { line, source })?;
                let checked = Config { default: config, ..Config::default() };
                checked.check().map_err(|source| RecordedError::Config { line, source })?;
                let config = checked.default;
                if !state.is_of(&config.physics) {
                    return Err(order("the state is of another preset than the configuration"));
                }
                let start = Start { at: Mono::from_nanos(at_ns), config, state, lost };
                self.parts.push(Part { start, pulses: Vec::new() });
            }
            ReadLine::Pulse(pulse) => {
                let part = self.parts.last_mut().ok_or_else(|| order("a pulse before any start"))?;
                part.pulses.push(*pulse);
            }
            ReadLine::End(end) => self.end = Some(end.why),
        }
        Ok(())
    }
}

struct Lines {
    number: u64,
    bytes: u64,
    limits: RecordedLimits,
    text: Vec<u8>,
}

impl Lines {
    /// The next line, and whether it has its end.
    fn next(&mut self, from: &mut impl BufRead) -> Result<Option<(&[u8], bool)>, RecordedError> {
        let RecordedLimits { line: most, bytes } = self.limits;
        self.text.clear();
        self.number += 1;
        // One more than there may be, to see that there are too many.
        let read = from.by_ref().take(most.saturating_add(1)).read_until(b'\n', &mut self.text)? as u64;
        if read > most {
            return Err(RecordedError::LineTooLong { line: self.number, most });
        }
        self.bytes = self.bytes.saturating_add(read);
        if self.bytes > bytes {
            return Err(RecordedError::TooLong { most: bytes });
        }
        let is_whole = self.text.last() == Some(&b'\n');
        Ok((read > 0).then_some((self.text.as_slice(), is_whole)))
    }
}

/// A configuration without what this version does not know; that is put down by its path.
fn known(mut given: Value, unknown: &mut Vec<String>) -> serde_json::Result<RouteConfig> {
    let is_rfc = given.pointer("/physics/rfc").is_some();
    let physics = if is_rfc {
        Physics::Rfc(RfcPhysics::default())
    } else {
        Physics::Adaptive(AdaptiveConfig::default())
    };
    let mut template = serde_json::to_value(RouteConfig { physics, ..RouteConfig::default() })?;
    // A tuner is left out by default, and has names of its own.
    if let Some(tuner) = template.pointer_mut("/physics/rfc/law/tuner") {
        *tuner = serde_json::to_value(atrion_core::TunerConfig::default())?;
    }
    strip(&mut given, &template, "", unknown);
    serde_json::from_value(given)
}

/// The most settings that are named: a recording with more is of another program.
const NAMED: usize = 32;

fn strip(given: &mut Value, template: &Value, at: &str, unknown: &mut Vec<String>) {
    let (Value::Object(given), Value::Object(template)) = (given, template) else { return };
    given.retain(|name, _| {
        let is_known = template.contains_key(name);
        let path = format!("{at}{name}");
        if !is_known && unknown.len() < NAMED && !unknown.contains(&path) {
            unknown.push(path);
        }
        is_known
    });
    for (name, value) in given.iter_mut() {
        if let Some(template) = template.get(name) {
            strip(value, template, &format!("{at}{name}."), unknown);
        }
    }
}
