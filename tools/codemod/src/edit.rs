// SPDX-License-Identifier: Apache-2.0
//! Edits of a text at byte positions, and the comments that say what is left to do by hand.

use std::fmt;
use std::ops::{AddAssign, Range};

/// What happens at one use.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// Replaces the text of this place.
    Replace { at: Range<usize>, with: String },
    /// Adds a comment above the line that holds this byte.
    Note { at: usize, reason: String },
    /// Removes an import that is no longer used.
    Remove { at: Range<usize> },
}

/// The beginning of every comment that this tool writes.
const MARK: &str = "// atrion-codemod:";

/// How many uses of the function were rewritten or noted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) rewritten: usize,
    pub(crate) noted: usize,
    /// Uses that had their comment from an earlier run.
    pub(crate) known: usize,
}

impl Done {
    /// Uses that this run changed, or would change.
    pub(crate) fn changes(&self) -> usize {
        self.rewritten + self.noted
    }
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.rewritten += other.rewritten;
        self.noted += other.noted;
        self.known += other.known;
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rewritten, noted, known } = self;
        write!(f, "{rewritten} rewritten, {noted} noted, {known} noted before")
    }
}

/// Makes the edits, and counts them.
pub(super) fn apply(text: &str, edits: Vec<Edit>) -> (String, Done) {
    let mut done = Done::default();
    let mut places: Vec<(Range<usize>, String)> = Vec::new();
    for edit in edits {
        match edit {
            Edit::Replace { at, with } => {
                done.rewritten += 1;
                places.push((at, with));
            }
            Edit::Remove { at } => places.push((at, String::new())),
            Edit::Note { at, reason } => {
                let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
                if is_noted(&text[..line]) {
                    done.known += 1;
                    continue;
                }
                let indent: String = text[line..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
                let end = if text[line..].split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')) {
                    "\r\n"
                } else {
                    "\n"
                };
                done.noted += 1;
                // Two uses in one line share a comment.
                if !places.iter().any(|(place, _)| *place == (line..line)) {
                    places.push((line..line, format!("{indent}{MARK} {reason}{end}")));
                }
            }
        }
    }
    // From the back, so that earlier positions stay valid.
    places.sort_by_key(|(place, _)| place.start);
    let mut new = text.to_owned();
    for (place, with) in places.into_iter().rev() {
        new.replace_range(place, &with);
    }
    (new, done)
}

/// Whether the line before is a comment of this tool.
fn is_noted(before: &str) -> bool {
    before.lines().next_back().is_some_and(|line| line.trim_start().starts_with(MARK))
}
