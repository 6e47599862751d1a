// SPDX-License-Identifier: Apache-2.0
//! Every file that the pages show can be run with.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // helpers speak as tests do

use std::path::Path;

use atrion_gateway::Config;

const LEAST: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\n[[upstream]]\naddress = \"127.0.0.1:1\"\n";

#[test]
fn the_files_on_the_pages_are_right() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for page in ["README.md", "../atrion/manual/gateway.md"] {
        let text = std::fs::read_to_string(home.join(page)).unwrap();
        // The first line says of what it is, where it is not the library's configuration.
        let blocks = text.split("```toml").skip(1).filter_map(|block| block.split_once('\n'));
        let blocks = blocks.map(|(_, block)| block.split("```").next().unwrap());
        for block in blocks {
            let is_commercial = ["[redis]", "[studio]"].iter().any(|table| block.contains(table));
            if is_commercial && !cfg!(all(feature = "redis", feature = "studio")) {
                continue;
            }
            // Some show tables alone.
            let is_whole =
                block.contains("[[listen]]") || block.contains("ext_proc =") || block.contains("[ext_proc]");
            let text = if is_whole { block.to_owned() } else { format!("{block}{LEAST}") };
            // Secrets are elsewhere on other machines.
            let text = ["OTLP_TOKEN", "REDIS_URL"]
                .iter()
                .fold(text, |text, name| text.replace(name, "CARGO_PKG_NAME"));
            let text = text.replace("/run/secrets/studio", concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
            Config::parse(&text, Path::new("")).unwrap_or_else(|error| panic!("{page}: {error}\n{text}"));
            count += 1;
        }
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn the_file_in_the_manifest_of_kubernetes_is_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gateway/kubernetes.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("atrion.toml: |\n").unwrap();
    let (block, _) = block.split_once("---").unwrap();
    Config::parse(block, Path::new("")).unwrap();
}
