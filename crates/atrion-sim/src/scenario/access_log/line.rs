// SPDX-License-Identifier: Apache-2.0
//! One line of the Apache combined log format.
//!
//! `host ident user [day/month/year:time zone] "request" status bytes "referer" "agent"`. The line
//! is outside input: the result is a request or an error with the reason.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// A request as a line of the log holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest<'a> {
    /// The address or the name of the client.
    pub host: &'a str,
    /// When the request came, in seconds since 1970 in UTC.
    pub second: i64,
    /// The request target as it was sent, with its query.
    pub target: &'a str,
    /// The status of the answer, 100 to 599.
    pub status: u16,
}

/// The reason why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogLineError {
    /// Nothing but white space.
    #[error("the line is empty")]
    Empty,
    /// Bytes that are not UTF-8.
    #[error("the line is not UTF-8")]
    NotText,
    /// A field that is not there, or whose closing mark is not there.
    #[error("the field `{0}` is missing or not closed")]
    Missing(&'static str),
    /// A time of another form, or one that does not exist.
    #[error("the time is not of the form [17/May/2015:10:05:03 +0000]")]
    Time,
    /// A request without method or target.
    #[error("the request is not of the form \"GET /path HTTP/1.1\"")]
    Request,
    /// A status out of range.
    #[error("the status is not a number from 100 to 599")]
    Status,
    /// A size that is not a number.
    #[error("the size is neither a number nor -")]
    Size,
    /// Text after the last field.
    #[error("there is text after the last field")]
    Trailing,
}

impl<'a> LoggedRequest<'a> {
    /// Reads one line, without its line feed.
    ///
    /// # Errors
    /// What is wrong with the first wrong field.
    pub fn parse(line: &'a [u8]) -> Result<Self, LogLineError> {
        let line = std::str::from_utf8(line).map_err(|_| LogLineError::NotText)?.trim_end_matches('\r');
        if line.trim().is_empty() {
            return Err(LogLineError::Empty);
        }
        let mut fields = Fields(line);
        let host = fields.word("host")?;
        fields.word("ident")?;
        fields.word("user")?;
        let second = seconds(fields.enclosed('[', ']', "time")?).ok_or(LogLineError::Time)?;
        let target = target(fields.enclosed('"', '"', "request")?).ok_or(LogLineError::Request)?;
        let status = status(fields.word("status")?).ok_or(LogLineError::Status)?;
        let size = fields.word("size")?;
        if size != "-" && !all_digits(size) {
            return Err(LogLineError::Size);
        }
        fields.enclosed('"', '"', "referer")?;
        fields.enclosed('"', '"', "agent")?;
        if !fields.0.trim().is_empty() {
            return Err(LogLineError::Trailing);
        }
        Ok(Self { host, second, target, status })
    }
}

/// The part of the line that is not read yet.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn word(&mut self, name: &'static str) -> Result<&'a str, LogLineError> {
        let rest = self.0.trim_start_matches(' ');
        let end = rest.find(' ').unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        if word.is_empty() { Err(LogLineError::Missing(name)) } else { Ok(word) }
    }

    /// A field between two marks. A backslash escapes the next character: Apache writes a quote
    /// inside a quoted field like that.
    fn enclosed(&mut self, open: char, close: char, name: &'static str) -> Result<&'a str, LogLineError> {
        let rest = self.0.trim_start_matches(' ').strip_prefix(open).ok_or(LogLineError::Missing(name))?;
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
        Err(LogLineError::Missing(name))
    }
}

/// The target between method and version. A path may hold spaces, and HTTP/0.9 has no version.
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
pub(super) fn seconds(time: &str) -> Option<i64> {
    let (stamp, zone) = time.split_once(' ')?;
    let (date, clock) = stamp.split_once(':')?;
    let [day, month, year] = three(date, '/')?;
    let [hour, minute, second] = three(clock, ':')?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let date = Date::new(number(year, 4)?, i8::try_from(month).ok()?, number(day, 2)?).ok()?;
    // Leap seconds are logged as second 60: the first second of the next minute.
    let second: i8 = number(second, 2)?;
    let leap = second == 60;
    let clock = Time::new(number(hour, 2)?, number(minute, 2)?, second - i8::from(leap), 0).ok()?;
    let moment = offset(zone)?.to_timestamp(date.to_datetime(clock)).ok()?;
    Some(moment.as_second() + i64::from(leap))
}

/// `+0130` as an hour and a half.
fn offset(zone: &str) -> Option<Offset> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes): (i32, i32) = (number(hours, 2)?, number(minutes, 2)?);
    let is_known = hours < 24 && minutes < 60;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| is_known)
}

fn three(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    if text.len() == digits && all_digits(text) { text.parse().ok() } else { None }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a/b?c=d HTTP/1.1" 200 17 "-" "agent""#;

    fn fault(line: &str) -> LogLineError {
        LoggedRequest::parse(line.as_bytes()).expect_err(line)
    }

    fn with(from: &str, to: &str) -> String {
        let line = GOOD.replace(from, to);
        assert_ne!(line, GOOD, "`{from}` is in the line");
        line
    }

    #[test]
    fn a_good_line_gives_its_four_facts() {
        let entry = LoggedRequest::parse(GOOD.as_bytes()).expect("a good line");
        assert_eq!((entry.second, entry.target, entry.status), (1_431_857_103, "/a/b?c=d", 200));
        assert_eq!(entry.host, "10.0.0.1");
    }

    #[test]
    fn escapes_carriage_returns_and_odd_requests_are_read() {
        let target = |line: &str| LoggedRequest::parse(line.as_bytes()).map(|entry| entry.target.to_owned());
        assert_eq!(target(&with("/a/b?c=d", r#"/a\"b"#)).as_deref(), Ok(r#"/a\"b"#));
        assert_eq!(target(&with("\"agent\"", r#""say \"hi\" \\""#)).as_deref(), Ok("/a/b?c=d"));
        assert_eq!(target(&format!("{GOOD}\r")).as_deref(), Ok("/a/b?c=d"));
        assert_eq!(target(&with("/a/b?c=d", "/a b c")).as_deref(), Ok("/a b c"));
        assert_eq!(target(&with(" HTTP/1.1", "")).as_deref(), Ok("/a/b?c=d"));
        assert_eq!(target(&with(" 17 ", " - ")).as_deref(), Ok("/a/b?c=d"));
    }

    #[test]
    fn each_damage_has_its_own_fault() {
        assert_eq!(fault(""), LogLineError::Empty);
        assert_eq!(fault("  \r"), LogLineError::Empty);
        assert_eq!(LoggedRequest::parse(&[0xff, 0xfe, b'"']), Err(LogLineError::NotText));
        assert_eq!(fault("10.0.0.1"), LogLineError::Missing("ident"));
        assert_eq!(fault(&with("[", "")), LogLineError::Missing("time"));
        assert_eq!(fault(&with("\"agent\"", "\"agent")), LogLineError::Missing("agent"));
        assert_eq!(fault(&with("\"agent\"", "\"agent\\\"")), LogLineError::Missing("agent"));
        assert_eq!(fault(&with(" \"-\" \"agent\"", "")), LogLineError::Missing("referer"));
        assert_eq!(fault(&with("GET /a/b?c=d HTTP/1.1", "-")), LogLineError::Request);
        assert_eq!(fault(&with("GET", r"\x16\x03")), LogLineError::Request);
        assert_eq!(fault(&with(" 17 ", " lots ")), LogLineError::Size);
        assert_eq!(fault(&format!("{GOOD} more")), LogLineError::Trailing);
        for status in ["20", "2000", "-12", "abc", "600", "099", "+20"] {
            assert_eq!(fault(&with(" 200 ", &format!(" {status} "))), LogLineError::Status);
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
            let _ = LoggedRequest::parse(&GOOD.as_bytes()[..end]);
            for byte in [0, b'"', b'[', b' ', b'\\', 0x80, 0xff] {
                let mut line = GOOD.as_bytes().to_vec();
                line[end] = byte;
                let _ = LoggedRequest::parse(&line);
            }
        }
    }
}
