// SPDX-License-Identifier: Apache-2.0
//! What the manual shows as configuration is one. (Its Rust snippets are doctests.)
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used)] // tests speak as tests do

use std::collections::BTreeSet;
use std::path::Path;

use atrion::Config;

#[test]
fn every_toml_snippet_of_the_manual_is_a_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manual");
    let mut count = 0;
    for chapter in std::fs::read_dir(folder).unwrap() {
        let path = chapter.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for snippet in text.split("```toml\n").skip(1) {
            let snippet = snippet.split("```").next().unwrap();
            let config: Result<Config, _> = toml::from_str(snippet);
            assert!(config.is_ok(), "{}: {}\n{snippet}", path.display(), config.unwrap_err());
            count += 1;
        }
    }
    assert!(count > 0, "no snippet was found");
}

/// The words between `before` and `after`, of every place.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(after)?.0.to_owned()))
}

fn names_in(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_in(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            into.extend(between(&text, "name: \"atrion.", "\""));
        }
    }
}

#[test]
fn every_name_of_a_log_line_is_in_the_manual_and_no_other() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut logged = BTreeSet::new();
    for package in std::fs::read_dir(&crates).unwrap() {
        let sources = package.unwrap().path().join("src");
        if sources.is_dir() {
            names_in(&sources, &mut logged);
        }
    }
    let chapter = include_str!("../manual/telemetry.md");
    let lines = between(chapter, "## Log lines", "\n## ").next().unwrap();
    let told: BTreeSet<String> = between(&lines, "`atrion.", "`").collect();
    // The tree also builds without the commercial crates, and the manual tells of their lines, too.
    if crates.join("atrion-cluster").is_dir() {
        assert_eq!(logged, told);
    } else {
        assert!(logged.is_subset(&told), "{:?}", logged.difference(&told));
    }
}
