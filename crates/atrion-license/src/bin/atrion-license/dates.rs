// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Dates on the command line: RFC 3339, a day or a moment, in UTC unless an offset says otherwise.

use std::time::SystemTime;

use atrion_license::UnixTime;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `2027-03-01`, `2027-03-01T12:00:00Z` or `2027-03-01T12:00:00+01:00`.
pub(crate) fn parse(text: &str) -> Result<UnixTime, String> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let moment = text.parse::<Timestamp>().or_else(|_| text.parse::<DateTime>().and_then(utc));
    let moment = moment.map_err(|_| "write it as 2027-03-01 or 2027-03-01T12:00:00Z".to_owned())?;
    Ok(UnixTime::from_seconds(moment.as_second()))
}

/// The one look at the clock.
pub(crate) fn now() -> UnixTime {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read_in_utc() {
        for (text, expected) in [
            ("2027-03-01", "2027-03-01T00:00:00Z"),
            ("2027-03-01T12:30:00Z", "2027-03-01T12:30:00Z"),
            ("2027-03-01T12:30:00", "2027-03-01T12:30:00Z"),
            ("2027-03-01T12:30:00+02:00", "2027-03-01T10:30:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected);
        }
        for wrong in ["", "tomorrow", "2027-02-29", "2027-13-01", "01.03.2027", "1800000000"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
