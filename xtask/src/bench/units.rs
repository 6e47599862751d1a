// SPDX-License-Identifier: Apache-2.0
//! Numbers of the document as text.

/// A time in the unit that fits, with about three figures.
pub(super) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 100.0 => format!("{ns:.1} ns"),
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

pub(super) fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

pub(super) fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", plain(value)).trim_end().to_owned()
}

/// A bare number: as many decimals as are worth reading.
fn plain(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_the_unit_that_people_use() {
        assert_eq!(time(9.04), "9.0 ns");
        assert_eq!(time(1512.0), "1512 ns");
        assert_eq!(time(28_577.0), "28.6 us");
        assert_eq!(time(9_870_000.0), "9.87 ms");
    }

    #[test]
    fn numbers_have_the_decimals_that_are_worth_reading() {
        assert_eq!(plain(10.0), "10");
        assert_eq!(plain(1.284), "1.28");
        assert_eq!(plain(37.24), "37.2");
        assert_eq!(plain(312.7), "313");
    }
}
