// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! [`HistoryReader`] of PostgreSQL is a [`History`].

use atrion_cluster::postgres::{Cursor, HistoryReader, Page, Transition};
use atrion_state::BoxFuture;

use super::{History, HistoryError, ModeChange, ModeChanges, Wanted};

impl History for HistoryReader {
    fn name(&self) -> &str {
        "postgres"
    }

    fn changes(&self, wanted: Wanted) -> BoxFuture<'_, Result<ModeChanges, HistoryError>> {
        Box::pin(async move {
            let mut page = Page::first(wanted.rows);
            if let Some(after) = &wanted.after {
                let place = after.parse::<Cursor>();
                page = page.after_cursor(place.map_err(|error| HistoryError::Place(error.to_string()))?);
            }
            let store = |error: atrion_state::ProviderError| HistoryError::Store(error.to_string());
            let range = self.last(wanted.span).await.map_err(store)?;
            let found = self.transitions(range, wanted.route.as_deref(), &page).await.map_err(store)?;
            let next = found.next.map(|place| place.to_string());
            Ok(ModeChanges { rows: found.rows.into_iter().map(change).collect(), next })
        })
    }
}

fn change(row: Transition) -> ModeChange {
    let Transition { route, node, at, from, to, scar, merged, resistance, .. } = row;
    ModeChange { route, node, at, from, to, scar, merged, resistance }
}
