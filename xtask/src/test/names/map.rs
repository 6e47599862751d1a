// SPDX-License-Identifier: Apache-2.0
//! The files that `ARCHITECTURE.md` names are there: a map of another house sends readers astray.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

const MAP: &str = "ARCHITECTURE.md";

/// Files and folders on the map that do not exist, a line each.
pub(super) fn faults(root: &Path) -> anyhow::Result<Vec<String>> {
    let map = fs::read_to_string(root.join(MAP)).with_context(|| format!("cannot read {MAP}"))?;
    let mut krate = None;
    let mut faults = Vec::new();
    for line in map.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            krate = heading.trim_start_matches('#').trim().strip_prefix("crates/").map(str::to_owned);
        }
        for name in line.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
            let places = match &krate {
                Some(krate) => vec![
                    format!("crates/{krate}/src/{name}"),
                    format!("crates/{krate}/{name}"),
                    format!("crates/{name}"),
                    name.to_owned(),
                ],
                // Outside of a crate's table a path says which crate it speaks of, or is left to
                // the reader.
                None if name.starts_with("crates/") => vec![name.to_owned()],
                None => continue,
            };
            if !places.iter().any(|place| root.join(place).exists()) {
                let krate = krate.as_deref().map_or(String::new(), |krate| format!(" of {krate}"));
                faults.push(format!("{MAP}: `{name}`{krate} does not exist"));
            }
        }
    }
    Ok(faults)
}

fn is_path(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    name.chars().all(plain) && (name.contains('/') || name.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_is_not_in_the_house_is_found() {
        let root = std::env::temp_dir().join(format!("atrion-map-{}", std::process::id()));
        fs::create_dir_all(root.join("crates/a/src/live")).unwrap();
        fs::write(root.join("crates/a/src/live.rs"), "").unwrap();
        fs::write(
            root.join(MAP),
            "see `crates/b`\n### crates/a\n| `live.rs`, `live/` | `Live::admit` | `tests/gone.rs` |\n## End\n`x.rs`\n",
        )
        .unwrap();
        let faults = faults(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            faults.unwrap(),
            [
                "ARCHITECTURE.md: `crates/b` does not exist",
                "ARCHITECTURE.md: `tests/gone.rs` of a does not exist",
            ]
        );
    }
}
