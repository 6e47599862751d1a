// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Ranges of time, and pages that go on after a row instead of counting rows: what is written
//! meanwhile shifts nothing.

use std::fmt;
use std::str::FromStr;

use atrion_core::Wall;
use atrion_state::ProviderError;
use sqlx::postgres::PgRow;

/// From a moment to another one, the first included and the second not; by the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// Microseconds since 1970.
    pub(super) from: i64,
    pub(super) to: i64,
}

/// How many rows, and after which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limit: u16,
    after: Option<Cursor>,
}

/// Some rows, and where to go on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Paged<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// For [`Page::after_cursor`]; `None` if these were the last.
    pub next: Option<Cursor>,
}

/// A place in a list: opaque, short, and safe in a URL once percent-encoded. It belongs to the
/// question that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    number: i64,
    text: String,
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("`cursor` must be one that an earlier page gave, `number:text`: leave it out to begin anew")]
pub struct CursorError {}

impl TimeRange {
    /// From a date to another one.
    #[must_use]
    pub fn between(from: Wall, to: Wall) -> Self {
        let micros = |wall: Wall| i64::try_from(wall.as_millis()).unwrap_or(i64::MAX).saturating_mul(1_000);
        Self::micros(micros(from), micros(to))
    }

    pub(super) fn micros(from: i64, to: i64) -> Self {
        // The year 9999: what PostgreSQL can still tell apart.
        let valid = |micros: i64| micros.clamp(0, 253_402_300_799_000_000);
        Self { from: valid(from), to: valid(to) }
    }
}

impl Page {
    /// The first `rows` rows, 1..=1,000.
    #[must_use]
    pub fn first(rows: u16) -> Self {
        Self { limit: rows.clamp(1, 1_000), after: None }
    }

    /// The same number of rows, after that place.
    #[must_use]
    pub fn after_cursor(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    pub(super) fn after(&self) -> (Option<i64>, Option<&str>) {
        let cursor = self.after.as_ref();
        (cursor.map(|cursor| cursor.number), cursor.map(|cursor| cursor.text.as_str()))
    }

    /// One more than is shown: it says whether there is a next page.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Reads rows as they are shown, each with its place.
    pub(super) fn cut<T>(
        &self,
        found: &[PgRow],
        read: impl Fn(&PgRow) -> Result<(T, Cursor), sqlx::Error>,
    ) -> Result<Paged<T>, ProviderError> {
        let limit = usize::from(self.limit);
        let (mut rows, mut last) = (Vec::new(), None);
        for row in found.iter().take(limit) {
            let (shown, cursor) = read(row).map_err(super::failed)?;
            rows.push(shown);
            last = Some(cursor);
        }
        Ok(Paged { rows, next: last.filter(|_| found.len() > limit) })
    }
}

impl Cursor {
    pub(super) fn new(number: i64, text: String) -> Self {
        Self { number, text }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.text)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (number, rest) = text.split_once(':').ok_or(CursorError {})?;
        let number = number.parse().map_err(|_| CursorError {})?;
        // Longer than any name, or with what no name has: no cursor of ours.
        if rest.len() > 512 || rest.chars().any(char::is_control) {
            return Err(CursorError {});
        }
        Ok(Self::new(number, rest.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_way_through_a_url() {
        for (number, text) in [(0, ""), (-5, "a:b"), (i64::MAX, "api/東京 pod-1")] {
            let cursor = Cursor::new(number, text.to_owned());
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "1", "x:1", "1:\0", &format!("1:{}", "x".repeat(600))] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_page_has_a_row_at_least_and_a_thousand_at_most() {
        assert_eq!((Page::first(0).rows(), Page::first(u16::MAX).rows()), (2, 1_001));
    }
}
