// SPDX-License-Identifier: Apache-2.0
//! A recorded access log as a source of calls.
//!
//! The replay keeps the order of arrival, the gaps in proportion, the callers, the part of the
//! site, and the requests that the backend failed. A log does not hold the tier, which follows from
//! a stable hash of the client's address, so that all requests of a caller share one. Logs count
//! whole seconds; arrivals are spread evenly at random inside each second.
//!
//! A log has holes: rotation, sampling, nights. A silence longer than [`SILENCE`] times the median
//! gap is cut to that length, because compressed in proportion it would leave only bursts. The
//! number of cuts is reported.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use atrion_sim::scenario::LoggedRequest;

use super::super::random::{Random, hash};
use super::templates::{Census, Templates, first_segment};
use super::{Call, RouteSpec};

/// The calls of a log, in a loop.
pub(crate) struct Replay {
    calls: Vec<Call>,
    next: usize,
    routes: Vec<RouteSpec>,
    summary: LogSummary,
}

/// The summary of the log, for the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LogSummary {
    pub(crate) requests: usize,
    pub(crate) malformed: usize,
    /// The first malformed lines: number, counted from 1, and reason.
    pub(crate) first_faults: Vec<(usize, String)>,
    pub(crate) out_of_order: usize,
    pub(crate) silences_cut: usize,
    pub(crate) backend_failures: usize,
    /// Whether lines after the last one read were left out.
    pub(crate) cut_at_limit: bool,
}

/// The reason why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot read the log {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the log {} holds no request in the combined format ({lines} lines, {malformed} malformed{first}); \
             give an Apache access log with referer and agent", path.display())]
    NoRequests { path: PathBuf, lines: usize, malformed: usize, first: String },
}

impl Replay {
    /// Reads a log. `seed` places the arrivals inside their seconds.
    pub(crate) fn read(path: &Path, seed: u64) -> Result<Self, LogError> {
        let unreadable = |source| LogError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let lines = Lines::read(BufReader::new(file)).map_err(unreadable)?;
        if lines.visits.is_empty() {
            let first = lines.summary.first_faults.first();
            return Err(LogError::NoRequests {
                path: path.to_owned(),
                lines: lines.count,
                malformed: lines.summary.malformed,
                first: first.map_or_else(String::new, |(line, why)| format!(", first line {line}: {why}")),
            });
        }
        Ok(lines.into_replay(seed))
    }

    pub(crate) fn routes(&self) -> &[RouteSpec] {
        &self.routes
    }

    pub(crate) fn summary(&self) -> &LogSummary {
        &self.summary
    }

    pub(super) fn next(&mut self) -> Call {
        let call = self.calls[self.next].clone();
        self.next = (self.next + 1) % self.calls.len();
        call
    }
}

/// One valid line.
struct Visit {
    second: i64,
    client: u64,
    segment: String,
    rest: u64,
    fails_with: Option<u16>,
}

/// The lines of the log, before they have a time axis.
#[derive(Default)]
struct Lines {
    visits: Vec<Visit>,
    census: Census,
    count: usize,
    summary: LogSummary,
}

impl Lines {
    fn read(reader: impl BufRead) -> std::io::Result<Self> {
        let mut reader = reader.take(MAX_BYTES);
        let mut lines = Self::default();
        let mut line = Vec::new();
        while lines.count < MAX_LINES {
            line.clear();
            if (&mut reader).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            lines.count += 1;
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.len() > MAX_LINE {
                reader.skip_until(b'\n')?;
                lines.malformed("the line is longer than 64 KiB");
                continue;
            }
            lines.take(&line);
        }
        lines.summary.cut_at_limit = reader.limit() == 0 || !reader.fill_buf()?.is_empty();
        Ok(lines)
    }

    fn take(&mut self, line: &[u8]) {
        let entry = match LoggedRequest::parse(line) {
            Ok(entry) => entry,
            Err(fault) => return self.malformed(fault),
        };
        let segment = first_segment(entry.target);
        if !segment.is_empty() {
            self.census.count(segment);
        }
        if self.visits.last().is_some_and(|last| entry.second < last.second) {
            self.summary.out_of_order += 1;
        }
        let fails_with = (entry.status >= 500).then_some(entry.status);
        self.summary.backend_failures += usize::from(fails_with.is_some());
        self.visits.push(Visit {
            second: entry.second,
            client: hash(entry.host),
            segment: segment.to_owned(),
            rest: hash(entry.target),
            fails_with,
        });
    }

    fn malformed(&mut self, fault: impl Display) {
        self.summary.malformed += 1;
        if self.summary.first_faults.len() < REPORTED {
            self.summary.first_faults.push((self.count, fault.to_string()));
        }
    }

    fn into_replay(mut self, seed: u64) -> Replay {
        // A server writes a line when the request ends, with the time when it came. The times are
        // the arrivals; the lines are not quite in their order.
        self.visits.sort_by_key(|visit| visit.second);
        let seconds: Vec<i64> = self.visits.iter().map(|visit| visit.second).collect();
        let (gaps, silences_cut) = gaps(&instants(&seconds, &mut Random::of(&[seed, SPREAD])));
        let templates = self.census.into_templates();
        let calls: Vec<Call> =
            self.visits.iter().zip(gaps).map(|(visit, gap)| call(visit, gap, &templates)).collect();
        let summary = LogSummary { requests: calls.len(), silences_cut, ..self.summary };
        Replay { calls, next: 0, routes: templates.routes, summary }
    }
}

fn call(visit: &Visit, gap: f64, templates: &Templates) -> Call {
    let (route, path) = templates.place(&visit.segment, visit.rest);
    Call { gap, user: visit.client, route, path, fails_with: visit.fails_with }
}

/// Instants in seconds from the first one: every arrival somewhere inside its second, in order.
fn instants(seconds: &[i64], random: &mut Random) -> Vec<f64> {
    let first = seconds.first().copied().unwrap_or(0);
    let mut instants: Vec<f64> =
        seconds.iter().map(|second| (second - first) as f64 + random.unit()).collect();
    instants.sort_by(f64::total_cmp);
    instants
}

/// The gap before each arrival in mean gaps, and how many silences were cut. The gap before the
/// first one, which leads from the end of the log back to its start, is the mean.
fn gaps(instants: &[f64]) -> (Vec<f64>, usize) {
    let mut gaps: Vec<f64> = instants.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if gaps.is_empty() {
        return (vec![1.0; instants.len()], 0);
    }
    let mut ranked = gaps.clone();
    ranked.sort_by(f64::total_cmp);
    let longest = SILENCE * ranked[ranked.len() / 2];
    let mut cut = 0;
    for gap in &mut gaps {
        if *gap > longest {
            *gap = longest;
            cut += 1;
        }
    }
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    // All arrivals at one instant: there are no gaps to keep, so they come evenly.
    let scale = |gap: &f64| if mean > 0.0 { gap / mean } else { 1.0 };
    (std::iter::once(1.0).chain(gaps.iter().map(scale)).collect(), cut)
}

/// The longest gap that is kept, in median gaps. Of exponential gaps one in a million is longer.
const SILENCE: f64 = 20.0;

/// The longest line. A server accepts no request above it.
const MAX_LINE: usize = 64 * 1024;

/// The most lines that are read: more than any run can replay, and a bound of memory.
const MAX_LINES: usize = 1_000_000;

/// The most bytes that are read. A pipe or a device may have no end and no line feed.
const MAX_BYTES: u64 = 1 << 30;

/// Malformed lines that are named in the report.
const REPORTED: usize = 5;

/// Keeps the stream that spreads arrivals apart from the other uses of the seed.
const SPREAD: u64 = 0x5b;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, path: &str, status: u16) -> String {
        format!(
            "10.0.0.{second} - - [17/May/2015:10:05:{second:02} +0000] \"GET {path} HTTP/1.1\" {status} 1 \"-\" \"x\"\n"
        )
    }

    fn read(text: &[u8]) -> Lines {
        Lines::read(text).expect("reading from memory")
    }

    #[test]
    fn malformed_lines_are_counted_and_named_and_the_others_kept() {
        let mut text = b"garbage\n".to_vec();
        text.extend(line(1, "/a", 200).bytes());
        text.extend([0xff, 0xfe, b'\n']);
        text.extend(vec![b'x'; MAX_LINE + 10]);
        text.push(b'\n');
        text.extend(line(2, "/a", 503).trim_end().bytes());
        let replay = read(&text).into_replay(1);
        let summary = replay.summary();
        assert_eq!((summary.requests, summary.malformed, summary.backend_failures), (2, 3, 1));
        let lines: Vec<usize> = summary.first_faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4]);
        assert_eq!(replay.calls[1].fails_with, Some(503));
    }

    #[test]
    fn arrivals_follow_the_stamps_and_not_the_lines() {
        let text = [line(9, "/late", 200), line(1, "/early", 200), line(5, "/mid", 200)].concat();
        let mut replay = read(text.as_bytes()).into_replay(1);
        assert_eq!(replay.summary().out_of_order, 1);
        let segment = |call: Call| call.path.split('/').nth(1).map(str::to_owned);
        let order: Vec<Option<String>> = (0..4).map(|_| segment(replay.next())).collect();
        // The log has three requests; the fourth call is the first one again.
        assert_eq!(order.iter().flatten().collect::<Vec<_>>(), ["early", "mid", "late", "early"]);
    }

    #[test]
    fn gaps_keep_their_proportion_and_their_mean_is_one() {
        let (kept, cut) = gaps(&[0.0, 1.0, 4.0, 6.0]);
        assert_eq!(cut, 0);
        assert_eq!(kept, [1.0, 0.5, 1.5, 1.0]);
    }

    #[test]
    fn a_hole_in_the_log_is_cut_and_counted() {
        let (kept, cut) = gaps(&[0.0, 1.0, 2.0, 3.0, 3600.0, 3601.0]);
        assert_eq!(cut, 1);
        assert!((kept[4] / kept[1] - SILENCE).abs() < 1e-9);
    }

    #[test]
    fn one_request_or_one_instant_still_makes_a_stream() {
        assert_eq!(gaps(&[5.0]).0, [1.0]);
        assert_eq!(gaps(&[5.0, 5.0, 5.0]).0, [1.0, 1.0, 1.0]);
        let mut replay = read(line(1, "/", 200).as_bytes()).into_replay(1);
        assert_eq!(replay.next(), replay.next());
    }

    #[test]
    fn requests_of_one_second_are_spread_inside_it() {
        let instants = instants(&[7, 7, 7, 8], &mut Random::of(&[1]));
        assert!(instants.windows(2).all(|pair| pair[0] < pair[1]), "{instants:?}");
        assert!(instants[2] < 1.0 && (1.0..2.0).contains(&instants[3]), "{instants:?}");
    }

    #[test]
    fn a_file_without_requests_or_without_existence_is_a_clear_error() {
        let dir = std::env::temp_dir();
        let missing = dir.join("atrion-demo-no-such-file.log");
        let error = Replay::read(&missing, 1).err().expect("no such file");
        assert!(matches!(error, LogError::Read { .. }));
        let error = Replay::read(&dir, 1).err().expect("a directory");
        assert!(matches!(error, LogError::Read { .. }));
        let empty = dir.join(format!("atrion-demo-empty-{}.log", std::process::id()));
        std::fs::write(&empty, "").expect("a scratch file");
        let error = Replay::read(&empty, 1).err().expect("an empty file");
        std::fs::remove_file(&empty).expect("the scratch file");
        assert!(error.to_string().contains("0 lines"), "{error}");
    }
}
