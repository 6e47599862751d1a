// SPDX-License-Identifier: Apache-2.0
//! Edits of a text at byte positions, and the comments that say what a person has to do.

use std::ops::Range;

use super::Done;

/// What is to be done at a use.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// Other text in this place.
    Replace { at: Range<usize>, with: String },
    /// A comment above the line in which this byte is.
    Note { at: usize, reason: String },
    /// An import that nobody needs any more.
    Remove { at: Range<usize> },
}

/// How a comment of ours begins.
pub(super) const MARK: &str = "// atrion-codemod:";

/// The text with the edits made, and their number.
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
                // Two uses in a line are one comment.
                if !places.iter().any(|(place, _)| *place == (line..line)) {
                    places.push((line..line, format!("{indent}{MARK} {reason}{end}")));
                }
            }
        }
    }
    // From the back, so that positions stay true.
    places.sort_by_key(|(place, _)| place.start);
    let mut new = text.to_owned();
    for (place, with) in places.into_iter().rev() {
        new.replace_range(place, &with);
    }
    (new, done)
}

/// Whether the line before has a comment of ours.
fn is_noted(before: &str) -> bool {
    before.lines().next_back().is_some_and(|line| line.trim_start().starts_with(MARK))
}
