// SPDX-License-Identifier: Apache-2.0
//! What the manual shows as configuration is one. (Its Rust snippets are doctests.)
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used)] // tests speak as tests do

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
