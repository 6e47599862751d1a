// SPDX-License-Identifier: Apache-2.0
//! The instances of one process have different names, so that their series never mix.

use std::sync::Mutex;

use atrion_state::lock;

/// A name that no other living instance of this process has. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct InstanceName(String);

/// The names in use.
static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl InstanceName {
    /// `wanted` if it is free, else the first free of `wanted-2`, `wanted-3` and so on.
    pub(crate) fn claim(wanted: &str) -> Self {
        let mut names = lock(&NAMES);
        let mut name = wanted.to_owned();
        let mut number = 2_u64;
        while names.contains(&name) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        names.push(name.clone());
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for InstanceName {
    fn drop(&mut self) {
        lock(&NAMES).retain(|name| *name != self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once_at_a_time() {
        let first = InstanceName::claim("x");
        let second = InstanceName::claim("x");
        assert_eq!((first.as_str(), second.as_str()), ("x", "x-2"));
        drop(first);
        assert_eq!(InstanceName::claim("x").as_str(), "x");
        assert_eq!(InstanceName::claim("x-2").as_str(), "x-2-2");
    }
}
