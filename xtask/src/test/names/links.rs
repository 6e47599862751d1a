// SPDX-License-Identifier: Apache-2.0
//! No link leads nowhere: not in the pages of the repository, and not from a comment to a page.
//!
//! A page in the repository links relatively. The README and the manual are also pages of rustdoc,
//! where relative paths lead nowhere. So each of their links has a label, and
//! `crates/atrion/manual/links.md` gives the label an item: rustdoc reads that file first, and of
//! two definitions the first one holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

const MANUAL: &str = "crates/atrion/manual";
const ITEMS: &str = "crates/atrion/manual/links.md";

/// Where links to files of the repository lead in rustdoc: to the list of what is not in the
/// package.
const ELSEWHERE: &str = "crate::manual#in-the-repository";

/// Everything that is wrong, a line each.
pub(super) fn faults(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    let pages: BTreeMap<PathBuf, Page> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "md"))
        .map(|file| Ok((file.clone(), Page::of(&read(root, file)?))))
        .collect::<anyhow::Result<_>>()?;
    let items: BTreeMap<String, String> =
        Page::of(&read(root, Path::new(ITEMS))?).definitions.into_iter().collect();

    let mut faults = Vec::new();
    for (file, page) in pages.iter().filter(|(file, _)| *file != Path::new(ITEMS)) {
        let twofold = file.starts_with(MANUAL) || file == Path::new("README.md");
        let name = file.display();
        for (label, target) in &page.definitions {
            if let Some(why) = leads_nowhere(root, file, target, &pages) {
                faults.push(format!("{name}: [{label}] {target}: {why}"));
            } else if twofold && !is_elsewhere_on_the_net(target) {
                let item = item_of(file, target);
                if items.get(label) != Some(&item) {
                    faults.push(format!("{name}: [{label}] {target}: {ITEMS} must say [{label}]: {item}"));
                }
            }
        }
        // In rustdoc a label of the list leads somewhere wherever it stands; in the repository the
        // page defines it.
        for label in items.keys().filter(|_| twofold) {
            let is_defined = page.definitions.iter().any(|(own, _)| own == label);
            if !is_defined && page.labels.contains(&label.to_lowercase()) {
                faults.push(format!("{name}: [{label}] has no definition on the page"));
            }
        }
        for target in &page.inline {
            // Rustdoc itself checks the paths of items.
            if twofold && target.starts_with("crate::") {
                continue;
            }
            if let Some(why) = leads_nowhere(root, file, target, &pages) {
                faults.push(format!("{name}: ({target}): {why}"));
            } else if twofold && !is_elsewhere_on_the_net(target) {
                faults.push(format!("{name}: ({target}): give it a label, and the label an item in {ITEMS}"));
            }
        }
    }
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs")) {
        // This file spells out what it looks for.
        if file.ends_with("names/links.rs") {
            continue;
        }
        for page in mentioned(&read(root, file)?) {
            let at = if page.starts_with("manual/") {
                Path::new("crates/atrion").join(&page)
            } else {
                PathBuf::from(&page)
            };
            if !root.join(at).exists() {
                faults.push(format!("{}: {page} does not exist", file.display()));
            }
        }
    }
    Ok(faults)
}

/// The parts of a page that links are made of.
struct Page {
    definitions: Vec<(String, String)>,
    inline: Vec<String>,
    anchors: BTreeSet<String>,
    /// What stands in brackets, in lower case.
    labels: BTreeSet<String>,
}

impl Page {
    fn of(text: &str) -> Self {
        let mut page = Self {
            definitions: Vec::new(),
            inline: Vec::new(),
            anchors: BTreeSet::new(),
            labels: BTreeSet::new(),
        };
        let (mut fence, mut prose) = (false, String::new());
        for line in text.lines() {
            let line = line.trim_start();
            if line.starts_with("```") {
                fence = !fence;
            }
            if fence {
                continue;
            }
            if let Some(heading) = line.strip_prefix('#') {
                page.anchors.insert(anchor(heading.trim_start_matches('#')));
            }
            match line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
                Some((label, target)) => page.definitions.push((label.to_owned(), target.trim().to_owned())),
                None => page.inline.extend(inline(line)),
            }
            prose = prose + line + " ";
        }
        let brackets = prose.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
        page.labels = brackets.map(|(label, _)| label.to_lowercase()).collect();
        page
    }
}

/// Targets of `](target)` outside of code.
fn inline(line: &str) -> impl Iterator<Item = String> {
    let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let targets: Vec<String> = outside
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect();
    targets.into_iter()
}

/// The name that GitHub and rustdoc give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

fn is_elsewhere_on_the_net(target: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

fn leads_nowhere(root: &Path, from: &Path, target: &str, pages: &BTreeMap<PathBuf, Page>) -> Option<String> {
    if is_elsewhere_on_the_net(target) {
        // There is no page of this repository on the net yet.
        return target.contains("cluster-127").then(|| "link relatively".to_owned());
    }
    // The README of a crate is its page in rustdoc, and may name items.
    if target.contains("::") || !target.contains(['/', '.', '#']) {
        return None;
    }
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { from.to_owned() } else { beside(from, path) };
    if !root.join(&file).exists() {
        return Some("there is no such file".to_owned());
    }
    let is_there =
        fragment.is_empty() || pages.get(&file).is_some_and(|page| page.anchors.contains(fragment));
    (!is_there).then(|| format!("there is no heading #{fragment}"))
}

/// The file that `path` names beside `from`, without `..`.
fn beside(from: &Path, path: &str) -> PathBuf {
    let mut file = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in path.split('/') {
        match part {
            ".." => {
                file.pop();
            }
            "." | "" => {}
            _ => file.push(part),
        }
    }
    file
}

/// What rustdoc is to make of a relative link: the chapter, or the list of what is not in the
/// package.
fn item_of(from: &Path, target: &str) -> String {
    let (path, fragment) = target
        .split_once('#')
        .map_or((target, String::new()), |(path, fragment)| (path, format!("#{fragment}")));
    let file = beside(from, path);
    match (file.strip_prefix(MANUAL), file.file_stem()) {
        (Ok(_), Some(chapter)) => format!("crate::manual::{}{fragment}", chapter.to_string_lossy()),
        _ => ELSEWHERE.to_owned(),
    }
}

/// `docs/….md` and `manual/….md` in a source file.
fn mentioned(text: &str) -> BTreeSet<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    let words = text.split(|c: char| !is_path(c)).map(|word| word.trim_end_matches('.'));
    words
        .filter(|word| {
            word.ends_with(".md") && ["docs/", "manual/"].iter().any(|folder| word.starts_with(folder))
        })
        .map(str::to_owned)
        .collect()
}

fn read(root: &Path, file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {}", file.display()))
}

/// All files under `folder`, relative to the root, without links, hidden folders and what is built.
fn walk(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let name = name.to_string_lossy();
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            walk(root, &entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path().strip_prefix(root)?.to_owned());
        }
    }
    files.sort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        static NTH: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let nth = NTH.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("atrion-links-{}-{nth}", std::process::id()));
        for (file, text) in files {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let faults = faults(&root);
        fs::remove_dir_all(root).unwrap();
        faults.unwrap()
    }

    const CHAPTER: (&str, &str) =
        ("crates/atrion/manual/physics.md", "# The physics\n\n## 3.7 The numbers\n");

    #[test]
    fn links_that_lead_somewhere_are_no_faults() {
        let readme = "See [physics], `[x](y.md)` and [the net](https://docs.rs).\n\n```text\n[a](b.md)\n```\n\n\
            [physics]: crates/atrion/manual/physics.md#37-the-numbers\n";
        let items = "[physics]: crate::manual::physics#37-the-numbers\n";
        assert_eq!(of(&[CHAPTER, ("README.md", readme), (ITEMS, items)]), [""; 0]);
    }

    #[test]
    fn a_file_a_heading_and_a_page_in_a_comment_that_are_not_there_are_found() {
        let page = "[a](gone.md) [b](../crates/atrion/manual/physics.md#gone) [c](https://github.com/cluster-127/atrion)\n";
        let faults = of(&[
            CHAPTER,
            (ITEMS, ""),
            ("docs/page.md", page),
            ("src/a.rs", "// `docs/gone.md`, `manual/physics.md`\n"),
        ]);
        assert_eq!(
            faults,
            [
                "docs/page.md: (gone.md): there is no such file",
                "docs/page.md: (../crates/atrion/manual/physics.md#gone): there is no heading #gone",
                "docs/page.md: (https://github.com/cluster-127/atrion): link relatively",
                "src/a.rs: docs/gone.md does not exist",
            ]
        );
    }

    #[test]
    fn a_label_of_the_list_is_defined_on_each_page_that_uses_it() {
        let items = "[the physics]: crate::manual::physics\n";
        let faults = of(&[CHAPTER, (ITEMS, items), ("README.md", "See [The\nphysics].\n")]);
        assert_eq!(faults, ["README.md: [the physics] has no definition on the page"]);
    }

    #[test]
    fn a_page_of_rustdoc_needs_an_item_for_each_link() {
        let readme = "[inline](docs/page.md) and [physics]\n\n[physics]: crates/atrion/manual/physics.md\n";
        let faults = of(&[CHAPTER, (ITEMS, ""), ("README.md", readme), ("docs/page.md", "")]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].ends_with("must say [physics]: crate::manual::physics"), "{}", faults[0]);
        assert!(faults[1].contains("give it a label"), "{}", faults[1]);
    }
}
