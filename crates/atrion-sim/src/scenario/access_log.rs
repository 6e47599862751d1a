// SPDX-License-Identifier: Apache-2.0
//! Access logs of the common and combined formats as arrival processes.
//!
//! Only the time of each line is used. Logs have whole seconds, so the requests of a second are spread evenly over it;
//! lines that are out of order are put in order. A line without a readable time is counted, not guessed.

/// What was found in a log.
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

/// Seconds since 1970 of `[10/Oct/2000:13:55:36 -0700]`.
fn time_of(line: &str) -> Option<i64> {
    let stamp = line.split_once('[')?.1.split_once(']')?.0;
    let (moment, zone) = stamp.split_once(' ')?;
    let (date, clock) = moment.split_once(':')?;
    let [day, month, year] = date.split('/').collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let [hour, minute, second] =
        clock.split(':').map(str::parse::<i64>).collect::<Result<Vec<_>, _>>().ok()?[..]
    else {
        return None;
    };
    let (day, year): (i64, i64) = (day.parse().ok()?, year.parse().ok()?);
    let valid = (1..=31).contains(&day) && (1970..=9999).contains(&year);
    let valid = valid && (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let offset: i64 = zone.parse().ok()?;
    let offset = offset / 100 * 3600 + offset % 100 * 60;
    valid.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Days since 1970 in the Gregorian calendar: March begins the year, so that the leap day ends it.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let of_year = (153 * since_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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
