// SPDX-License-Identifier: Apache-2.0
//! Access logs of the common and combined formats as arrival processes.
//!
//! Only the time of each line is used. Logs have whole seconds, so the requests of a second are
//! spread evenly over it. Lines that are out of order are sorted. A line without a readable time is
//! counted; its time is not guessed.

mod line;

pub use line::{LogLineError, LoggedRequest};

use line::seconds;

/// The arrivals that a log holds.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct AccessLog {
    /// Arrival times in seconds since the first line, in order.
    pub arrivals: Vec<f64>,
    /// Lines without a time.
    pub unreadable: usize,
}

impl AccessLog {
    /// Reads a whole log.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let (mut seconds, mut unreadable) = (Vec::new(), 0);
        for line in lines {
            match time_of(line) {
                Some(second) => seconds.push(second),
                None => unreadable += 1,
            }
        }
        seconds.sort_unstable();
        let first = seconds.first().copied().unwrap_or(0);
        let mut arrivals = Vec::with_capacity(seconds.len());
        for same in seconds.chunk_by(|a, b| a == b) {
            let begin = (same[0] - first) as f64;
            arrivals.extend((0..same.len()).map(|nth| begin + nth as f64 / same.len() as f64));
        }
        Self { arrivals, unreadable }
    }
}

/// The time of a line in any format that has one, `[10/Oct/2000:13:55:36 -0700]`.
fn time_of(line: &str) -> Option<i64> {
    seconds(line.split_once('[')?.1.split_once(']')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_zone() {
        let line =
            |stamp: &str| format!("127.0.0.1 - frank [{stamp}] \"GET / HTTP/1.0\" 200 2326 \"-\" \"x\"");
        assert_eq!(time_of(&line("10/Oct/2000:13:55:36 -0700")), Some(971_211_336));
        assert_eq!(time_of(&line("29/Feb/2024:23:59:59 +0000")), Some(1_709_251_199));
        assert_eq!(time_of(&line("01/Jan/1970:01:00:00 +0100")), Some(0));
        for bad in [
            "10/Foo/2000:13:55:36 -0700",
            "10/Oct/2000",
            "aa/Oct/2000:13:55:36 +0000",
            "1/Jan/2000:25:00:00 +0000",
        ] {
            assert_eq!(time_of(&line(bad)), None, "{bad}");
        }
    }

    #[test]
    fn the_requests_of_a_second_are_spread_over_it() {
        let at =
            |second: u32| format!("h - - [10/Oct/2000:13:55:{second:02} +0000] \"GET / HTTP/1.1\" 200 1\n");
        let log = AccessLog::parse(&(at(38) + &at(36) + &at(36) + "nonsense\n"));
        assert_eq!(log, AccessLog { arrivals: vec![0.0, 0.5, 2.0], unreadable: 1 });
    }
}
