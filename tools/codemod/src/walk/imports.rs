// SPDX-License-Identifier: Apache-2.0
//! The bytes to remove when an import is no longer used.

use std::ops::Range;

use syn::{ItemUse, UseTree};

use super::range;

/// The bytes of the import of `name`: its whole line, or its place in a group.
pub(super) fn removal(text: &str, item: &ItemUse, name: &str) -> Option<Range<usize>> {
    fn find(tree: &UseTree, name: &str) -> Option<(Range<usize>, bool)> {
        match tree {
            UseTree::Path(path) => find(&path.tree, name),
            UseTree::Name(found) if found.ident == name => Some((range(found), false)),
            UseTree::Rename(found) if found.rename == name => Some((range(found), false)),
            UseTree::Group(group) => {
                let (at, is_grouped) = group.items.iter().find_map(|tree| find(tree, name))?;
                Some((at, is_grouped || group.items.len() > 1))
            }
            _ => None,
        }
    }
    let (at, is_grouped) = find(&item.tree, name)?;
    if is_grouped {
        // With a comma: the one after it, or for the last item the one before it.
        let behind = text[at.end..].find(|c: char| !c.is_whitespace()).map(|skip| at.end + skip)?;
        if text[behind..].starts_with(',') {
            let next = text[behind + 1..]
                .find(|c: char| !c.is_whitespace())
                .map_or(behind + 1, |skip| behind + 1 + skip);
            return Some(at.start..next);
        }
        let comma = text[..at.start].rfind(',')?;
        return Some(comma..at.end);
    }
    let whole = range(item);
    let line_end = text[whole.end..].find('\n').map_or(text.len(), |newline| whole.end + newline + 1);
    let line_start = text[..whole.start].rfind('\n').map_or(0, |newline| newline + 1);
    let alone =
        text[line_start..whole.start].trim().is_empty() && text[whole.end..line_end].trim().is_empty();
    Some(if alone { line_start..line_end } else { whole })
}
