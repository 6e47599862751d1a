// SPDX-License-Identifier: Apache-2.0
//! Text that others wrote, as it may stand in a line of a log or on a terminal.

use std::fmt::{self, Write as _};

/// Shows a text from outside on one line: a server's message, a reason that a person gave, a name
/// in a file.
///
/// Control characters, Unicode's ends of lines, and characters that turn the direction of the text
/// around them are shown as escapes; everything else stays as it is, also letters of scripts that
/// run from right to left. So a text can neither begin a line of its own in a log nor give orders
/// to a terminal. Data, such as JSON, has its own escapes and needs this one nowhere.
///
/// ```
/// use atrion_state::Escaped;
///
/// let reason = "moved\n2026-01-09 INFO all is well\u{1b}[2J";
/// assert_eq!(Escaped(reason).to_string(), r"moved\n2026-01-09 INFO all is well\u{1b}[2J");
/// assert_eq!(Escaped("Größe: 3 µs").to_string(), "Größe: 3 µs");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // a view of a text, made by its field
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if acts(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Does something to the text around it, instead of standing in it.
fn acts(character: char) -> bool {
    let ends_a_line = matches!(character, '\u{2028}' | '\u{2029}');
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || ends_a_line || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_left_and_nothing_else_is_changed() {
        let every = (0..=u32::from(char::MAX)).filter_map(char::from_u32);
        for character in every {
            let text = String::from(character);
            let shown = Escaped(&text).to_string();
            assert_eq!(shown == text, !acts(character), "{character:?}");
            assert!(shown.chars().all(|shown| !acts(shown)), "{character:?}");
        }
        assert_eq!(Escaped("a\r\nb\t\u{9b}2J\u{202e}c").to_string(), r"a\r\nb\t\u{9b}2J\u{202e}c");
        assert_eq!(Escaped("שלום C:\\new").to_string(), "שלום C:\\new");
    }
}
