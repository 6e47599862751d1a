// SPDX-License-Identifier: Apache-2.0
//! Private keys in the tree. The one allowed is the development key, which no release trusts.

use std::fs;

use super::{Faults, copy};
use crate::workspace::Workspace;

/// The beginning of a private key; its id and 43 characters follow.
const BEGIN: &str = concat!("atrion_", "private_v1.");
const DEVELOPMENT: &str = "crates/atrion-license/keys/development.private";

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Faults> {
    let mut faults = Vec::new();
    for path in copy::files(workspace.root())? {
        let Ok(bytes) = fs::read(workspace.root().join(&path)) else { continue };
        if path.as_os_str() != DEVELOPMENT && holds_a_private_key(&bytes) {
            let path = path.display();
            faults.push(format!(
                "{path} holds a private key: remove it from the history, too, and make a new pair"
            ));
        }
    }
    Ok(faults)
}

fn holds_a_private_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let is_seed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split(BEGIN).skip(1).any(|rest| {
        let mut parts = rest.splitn(2, '.');
        let id = parts.next().unwrap_or_default();
        let seed = parts.next().unwrap_or_default().chars().take_while(|c| is_seed(*c)).count();
        id.len() == 8 && id.chars().all(|c| c.is_ascii_hexdigit()) && seed >= 43
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_found_anywhere_in_a_text_and_its_description_is_not_one() {
        let key = format!("{BEGIN}43a36f71.{}", "A".repeat(43));
        assert!(holds_a_private_key(key.as_bytes()));
        assert!(holds_a_private_key(format!("let key = \"{key}\";\n").as_bytes()));
        assert!(holds_a_private_key(format!("{BEGIN}<kid> {key}").as_bytes()));
        assert!(!holds_a_private_key(format!("{BEGIN}<kid>.<43 characters>").as_bytes()));
        assert!(!holds_a_private_key(b""));
    }
}
