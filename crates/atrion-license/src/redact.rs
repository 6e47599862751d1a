// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Text from outside that people will read: short, on one line, and never a key.

use std::fmt;
use std::path::{Path, PathBuf};

/// A name from outside as it may appear in a message: at most 64 characters, control characters
/// escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    pub(crate) fn new(text: &str) -> Self {
        Self(if looks_like_a_key(text) { REDACTED.to_owned() } else { text.chars().take(64).collect() })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A path as it may appear in a message. `ATRION_LICENSE_FILE` set to the key itself, a mistake
/// that happens, must not put the key into the log.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownPath(PathBuf);

impl ShownPath {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path itself, not for showing.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string_lossy();
        if looks_like_a_key(&text) {
            write!(f, "{REDACTED} (a key where a path belongs: use ATRION_LICENSE_KEY)")
        } else {
            let short: String = text.chars().take(256).collect();
            write!(f, "{short:?}")
        }
    }
}

impl fmt::Debug for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const REDACTED: &str = "(redacted)";

/// The beginning of a key, or a run of the base64 alphabet as long as a signature, which no path
/// and no name of a cluster has in practice.
fn looks_like_a_key(text: &str) -> bool {
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    ["atrion_sta_v", "atrion_pro_v", "atrion_ent_v"].iter().any(|prefix| text.contains(prefix))
        || text.split(|c| !in_alphabet(c)).any(|run| run.len() >= 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_on_one_line() {
        assert_eq!(Shown::new("eu\n\u{202e}west").to_string(), "\"eu\\n\\u{202e}west\"");
        assert_eq!(Shown::new(&"ä ".repeat(100)).to_string().chars().count(), 66);
    }

    #[test]
    fn a_key_in_the_place_of_a_path_is_not_shown() {
        let path = ShownPath::new(format!("atrion_pro_v1.fe812c12.{}", "A".repeat(90)));
        assert!(!format!("{path} {path:?}").contains("AAAA"));
        assert!(!format!("{}", ShownPath::new("B".repeat(86))).contains("BBBB"));
        assert_eq!(
            ShownPath::new("/run/secrets/atrion_license").to_string(),
            "\"/run/secrets/atrion_license\""
        );
    }
}
