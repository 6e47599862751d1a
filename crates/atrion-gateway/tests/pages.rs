// SPDX-License-Identifier: Apache-2.0
//! Every file that the pages show can be run with.

use std::path::Path;

use atrion_gateway::Config;

#[test]
fn the_files_on_the_pages_are_right() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for page in ["README.md", "../atrion/manual/gateway.md"] {
        let text = std::fs::read_to_string(home.join(page)).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            Config::parse(block, Path::new("")).unwrap_or_else(|error| panic!("{page}: {error}\n{block}"));
            count += 1;
        }
    }
    assert!(count >= 3, "{count}");
}
