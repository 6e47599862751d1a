// SPDX-License-Identifier: Apache-2.0
//! The Apache combined log format, one line at a time.
//!
//! `host ident user [day/month/year:time zone] "request" status bytes "referer" "agent"`. The line
//! comes from outside: whatever it holds, the answer is an entry or a fault with a reason, and
//! nothing is taken from it but the caller, the second, the path and the status.

use super::super::random::hash;

/// What the replay needs to know of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// A stable hash of the client's address.
    pub(super) client: u64,
    /// Seconds since 1970 in UTC.
    pub(super) second: i64,
    /// The request target as it was sent, query and all.
    pub(super) target: &'a str,
    pub(super) status: u16,
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the line is empty")]
    Empty,
    #[error("the line is longer than 64 KiB")]
    TooLong,
    #[error("the line is not UTF-8")]
    NotText,
    #[error("the field `{0}` is missing or not closed")]
    Missing(&'static str),
    #[error("the time is not of the form [17/May/2015:10:05:03 +0000]")]
    Time,
    #[error("the request is not of the form \"GET /path HTTP/1.1\"")]
    Request,
    #[error("the status is not a number from 100 to 599")]
    Status,
    #[error("the size is neither a number nor -")]
    Size,
    #[error("there is text after the last field")]
    Trailing,
}

/// Reads one line, without its line feed.
pub(super) fn parse(line: &[u8]) -> Result<Entry<'_>, Fault> {
    let line = std::str::from_utf8(line).map_err(|_| Fault::NotText)?.trim_end_matches('\r');
    if line.trim().is_empty() {
        return Err(Fault::Empty);
    }
    let mut fields = Fields(line);
    let client = hash(fields.word("host")?);
    fields.word("ident")?;
    fields.word("user")?;
    let second = seconds(fields.enclosed('[', ']', "time")?).ok_or(Fault::Time)?;
    let target = target(fields.enclosed('"', '"', "request")?).ok_or(Fault::Request)?;
    let status = status(fields.word("status")?).ok_or(Fault::Status)?;
    let size = fields.word("size")?;
    if size != "-" && !all_digits(size) {
        return Err(Fault::Size);
    }
    fields.enclosed('"', '"', "referer")?;
    fields.enclosed('"', '"', "agent")?;
    if !fields.0.trim().is_empty() {
        return Err(Fault::Trailing);
    }
    Ok(Entry { client, second, target, status })
}

/// The part of the line that is still to be read.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn word(&mut self, name: &'static str) -> Result<&'a str, Fault> {
        let rest = self.0.trim_start_matches(' ');
        let end = rest.find(' ').unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        if word.is_empty() { Err(Fault::Missing(name)) } else { Ok(word) }
    }

    /// A field between two marks. A backslash takes the next character out of the game, which is how
    /// Apache writes a quote inside a quoted field.
    fn enclosed(&mut self, open: char, close: char, name: &'static str) -> Result<&'a str, Fault> {
        let rest = self.0.trim_start_matches(' ').strip_prefix(open).ok_or(Fault::Missing(name))?;
        let mut escaped = false;
        for (index, letter) in rest.char_indices() {
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == close {
                self.0 = &rest[index + close.len_utf8()..];
                return Ok(&rest[..index]);
            }
        }
        Err(Fault::Missing(name))
    }
}

/// The target between method and version. A path may hold spaces, and HTTP/0.9 had no version.
fn target(request: &str) -> Option<&str> {
    let (method, rest) = request.split_once(' ')?;
    let rest = match rest.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => target,
        _ => rest,
    };
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_method && !rest.trim().is_empty()).then_some(rest)
}

fn status(word: &str) -> Option<u16> {
    let known = word.len() == 3 && all_digits(word);
    word.parse().ok().filter(|status| known && (100..600).contains(status))
}

fn all_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// `17/May/2015:10:05:03 +0000` as seconds since 1970.
fn seconds(time: &str) -> Option<i64> {
    let (stamp, zone) = time.split_once(' ')?;
    let (date, clock) = stamp.split_once(':')?;
    let [day, month, year] = three(date, '/')?;
    let [hour, minute, second] = three(clock, ':')?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (year, day) = (number(year, 4)?, number(day, 2)?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    // The sixtieth second exists: leap seconds are logged as such.
    if day < 1 || day > days_in(month, year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_day = hour * 3600 + minute * 60 + second;
    Some(days_since_1970(year, month as i64, day) * 86_400 + of_day - offset(zone)?)
}

/// `+0130` as 5,400 seconds.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn three(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    if text.len() == digits && all_digits(text) { text.parse().ok() } else { None }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn days_in(month: usize, year: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar. Counting years from March puts the leap day last,
/// so that the days before a month follow from 153 days in five months.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a/b?c=d HTTP/1.1" 200 17 "-" "agent""#;

    fn fault(line: &str) -> Fault {
        parse(line.as_bytes()).expect_err(line)
    }

    fn with(from: &str, to: &str) -> String {
        let line = GOOD.replace(from, to);
        assert_ne!(line, GOOD, "`{from}` is in the line");
        line
    }

    #[test]
    fn a_good_line_gives_its_four_facts() {
        let entry = parse(GOOD.as_bytes()).expect("a good line");
        assert_eq!((entry.second, entry.target, entry.status), (1_431_857_103, "/a/b?c=d", 200));
        assert_eq!(entry.client, hash("10.0.0.1"));
    }

    #[test]
    fn escapes_carriage_returns_and_odd_requests_are_read() {
        let target = |line: &str| parse(line.as_bytes()).map(|entry| entry.target.to_owned());
        assert_eq!(target(&with("/a/b?c=d", r#"/a\"b"#)).as_deref(), Ok(r#"/a\"b"#));
        assert_eq!(target(&with("\"agent\"", r#""say \"hi\" \\""#)).as_deref(), Ok("/a/b?c=d"));
        assert_eq!(target(&format!("{GOOD}\r")).as_deref(), Ok("/a/b?c=d"));
        assert_eq!(target(&with("/a/b?c=d", "/a b c")).as_deref(), Ok("/a b c"));
        assert_eq!(target(&with(" HTTP/1.1", "")).as_deref(), Ok("/a/b?c=d"));
        assert_eq!(target(&with(" 17 ", " - ")).as_deref(), Ok("/a/b?c=d"));
    }

    #[test]
    fn each_damage_has_its_own_fault() {
        assert_eq!(fault(""), Fault::Empty);
        assert_eq!(fault("  \r"), Fault::Empty);
        assert_eq!(parse(&[0xff, 0xfe, b'"']), Err(Fault::NotText));
        assert_eq!(fault("10.0.0.1"), Fault::Missing("ident"));
        assert_eq!(fault(&with("[", "")), Fault::Missing("time"));
        assert_eq!(fault(&with("\"agent\"", "\"agent")), Fault::Missing("agent"));
        assert_eq!(fault(&with("\"agent\"", "\"agent\\\"")), Fault::Missing("agent"));
        assert_eq!(fault(&with(" \"-\" \"agent\"", "")), Fault::Missing("referer"));
        assert_eq!(fault(&with("GET /a/b?c=d HTTP/1.1", "-")), Fault::Request);
        assert_eq!(fault(&with("GET", r"\x16\x03")), Fault::Request);
        assert_eq!(fault(&with(" 17 ", " lots ")), Fault::Size);
        assert_eq!(fault(&format!("{GOOD} more")), Fault::Trailing);
        for status in ["20", "2000", "-12", "abc", "600", "099", "+20"] {
            assert_eq!(fault(&with(" 200 ", &format!(" {status} "))), Fault::Status);
        }
    }

    #[test]
    fn impossible_times_are_refused() {
        for time in [
            "31/Apr/2015:10:05:03 +0000",
            "29/Feb/2015:10:05:03 +0000",
            "00/May/2015:10:05:03 +0000",
            "17/may/2015:10:05:03 +0000",
            "17/May/2015:24:05:03 +0000",
            "17/May/2015:10:05:61 +0000",
            "17/May/2015:10:05 +0000",
            "17/May/2015:10:05:03 0000",
            "17/May/2015:10:05:03 +2400",
            "17/May/2015:10:05:03 +00é",
            "17/May/99999999999999999999:10:05:03 +0000",
            "-1/May/2015:10:05:03 +0000",
            "",
        ] {
            assert_eq!(seconds(time), None, "{time}");
        }
    }

    #[test]
    fn the_calendar_agrees_with_known_seconds() {
        for (time, second) in [
            ("01/Jan/1970:00:00:00 +0000", 0),
            ("29/Feb/2000:12:00:00 +0000", 951_825_600),
            ("01/Mar/1900:00:00:00 +0000", -2_203_891_200),
            ("31/Dec/2024:23:59:59 -0500", 1_735_707_599),
            ("01/Jan/2025:10:29:59 +0530", 1_735_707_599),
        ] {
            assert_eq!(seconds(time), Some(second), "{time}");
        }
    }

    #[test]
    fn no_prefix_and_no_single_damaged_byte_panics() {
        for end in 0..GOOD.len() {
            let _ = parse(&GOOD.as_bytes()[..end]);
            for byte in [0, b'"', b'[', b' ', b'\\', 0x80, 0xff] {
                let mut line = GOOD.as_bytes().to_vec();
                line[end] = byte;
                let _ = parse(&line);
            }
        }
    }
}
