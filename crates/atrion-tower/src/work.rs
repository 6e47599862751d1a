// SPDX-License-Identifier: Apache-2.0
//! What a request is worth and by when its answer is of use, from headers and the service's rules,
//! and how a client tells its callee.

use std::time::Duration;

use atrion_core::{Cost, Mono, Priority};
use http::{HeaderMap, HeaderValue};

use crate::grpc;
use crate::header;

/// How long the caller waits, as `grpc-timeout` has it: at most eight digits and a unit.
pub(crate) fn grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The same as it is written: in the finest unit that eight digits hold, rounded down, so that no
/// hop has more time than the one before it.
fn to_grpc_timeout(left: Duration) -> String {
    let units = [(1, 'n'), (1_000, 'u'), (1_000_000, 'm'), (1_000_000_000, 'S'), (60_000_000_000, 'M')];
    let nanos = left.as_nanos();
    let fits = units.into_iter().find(|(unit, _)| nanos / unit < 100_000_000);
    let (unit, letter) = fits.unwrap_or((3_600_000_000_000, 'H'));
    format!("{}{letter}", (nanos / unit).min(99_999_999))
}

/// `x-atrion-deadline-ms`: how long the caller waits, in milliseconds.
pub(crate) fn deadline_ms(text: &str) -> Option<Duration> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok().map(Duration::from_millis))?
}

/// `x-atrion-cost`: a decimal number of units. No caller makes itself dearer or cheaper than there
/// is: it is clamped to what a cost can be, and to `most`.
pub(crate) fn cost(text: &str, most: Cost) -> Option<Cost> {
    let units = text.parse::<f64>().ok().filter(|units| units.is_finite() && *units > 0.0)?;
    Some(Cost::of(units).unwrap_or(Cost::MAX).min(most))
}

/// Tells the callee how long its caller still waits, in the form of the protocol and in our own. A
/// shorter `grpc-timeout` of the call stays.
pub(crate) fn tell_deadline(priority: Priority, headers: &mut HeaderMap, now: Mono) {
    let Some(due) = priority.due() else {
        // What came with a request that is passed on is of another call.
        headers.remove(header::DEADLINE);
        return;
    };
    let left = due.since(now);
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    headers.insert(header::DEADLINE, HeaderValue::from(millis));
    if grpc::is_grpc(headers) {
        let own = headers.get(header::GRPC_TIMEOUT).and_then(|value| value.to_str().ok());
        if own.and_then(grpc_timeout).is_none_or(|own| left < own)
            && let Ok(value) = HeaderValue::try_from(to_grpc_timeout(left))
        {
            headers.insert(header::GRPC_TIMEOUT, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        for (text, nanos) in
            [("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("250m", 250_000_000)]
        {
            assert_eq!(grpc_timeout(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(grpc_timeout("99999999H").map(|span| span.as_secs()), Some(359_999_996_400));
        for wrong in ["", "m", "1", "-1m", "1.5S", "123456789n", "1s", "1mm", " 1m", "1\u{b5}", "\u{b5}"] {
            assert_eq!(grpc_timeout(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_timeout_that_is_passed_on_is_never_longer_and_hardly_shorter() {
        for nanos in [0, 1, 99_999_999, 100_000_000, 1_234_567_891, 5_000_000_000_000, u64::MAX] {
            let left = Duration::from_nanos(nanos);
            let read = grpc_timeout(&to_grpc_timeout(left)).unwrap();
            assert!(read <= left && left - read <= left / 1_000_000, "{left:?} became {read:?}");
        }
        assert_eq!(to_grpc_timeout(Duration::MAX), "99999999H");
    }

    #[test]
    fn a_cost_is_clamped_and_what_is_none_is_absent() {
        let most = Cost::saturating(1_000);
        for (text, units) in [("1", 1), ("0.2", 1), ("12.5", 13), ("1e9", 1_000)] {
            assert_eq!(cost(text, most).map(Cost::get), Some(units), "{text}");
        }
        for wrong in ["0", "-3", "NaN", "inf", "", "many"] {
            assert_eq!(cost(wrong, most), None, "{wrong:?}");
        }
        assert_eq!(deadline_ms("1500"), Some(Duration::from_millis(1_500)));
        for wrong in ["", "-1", "1.5", "+1", "99999999999999999999999"] {
            assert_eq!(deadline_ms(wrong), None, "{wrong:?}");
        }
    }
}
