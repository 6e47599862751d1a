// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What several layers answered to one question, and what that means for the caller.

use std::collections::HashSet;
use std::hash::Hash;

use atrion_state::ProviderError;

/// Results in the order of the layers, each with whether the layer outlives the process.
#[derive(Debug)]
pub(super) struct Outcomes<T>(Vec<(bool, Result<T, ProviderError>)>);

impl<T> Default for Outcomes<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Outcomes<T> {
    pub(super) fn push(&mut self, stores: bool, result: Result<T, ProviderError>) {
        self.0.push((stores, result));
    }

    /// `Ok` if one layer's result is; else the first error.
    pub(super) fn any(self) -> Result<(), ProviderError> {
        Self::well(self.0.into_iter().map(|(_, result)| result))
    }

    /// `Ok` if the result of a layer is that outlives the process; without such a layer, if any is.
    /// Memory keeps all, and knows nothing of an earlier life: its answer does not count beside a
    /// store's.
    pub(super) fn any_store(self) -> Result<(), ProviderError> {
        let has_stores = self.0.iter().any(|(stores, _)| *stores);
        Self::well(self.0.into_iter().filter(|(stores, _)| *stores || !has_stores).map(|(_, result)| result))
    }

    fn well(results: impl Iterator<Item = Result<T, ProviderError>>) -> Result<(), ProviderError> {
        let mut first = None;
        for result in results {
            match result {
                Ok(_) => return Ok(()),
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(()), Err)
    }
}

impl<T> Outcomes<Vec<T>> {
    /// Everything that any layer knows; of what several know by that key, what the first one does. If
    /// every store failed and nothing is known, that is an error and not a cold start: it may be
    /// asked again.
    pub(super) fn merged<K: Hash + Eq>(mut self, key: impl Fn(&T) -> K) -> Result<Vec<T>, ProviderError> {
        let (mut known, mut merged) = (HashSet::new(), Vec::new());
        for all in self.0.iter_mut().filter_map(|(_, result)| result.as_mut().ok()) {
            merged.extend(all.drain(..).filter(|one| known.insert(key(one))));
        }
        if merged.is_empty() { self.any_store().map(|()| merged) } else { Ok(merged) }
    }
}
