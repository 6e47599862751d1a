// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What PostgreSQL remembers: [`HistoryReader`] is a [`History`].

use atrion_cluster::postgres::{Cursor, HistoryReader, Page, Transition};
use atrion_state::BoxFuture;

use super::{Change, Changes, History, HistoryError, Wanted};

impl History for HistoryReader {
    fn name(&self) -> &str {
        "postgres"
    }

    fn changes(&self, wanted: Wanted) -> BoxFuture<'_, Result<Changes, HistoryError>> {
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
            Ok(Changes { rows: found.rows.into_iter().map(change).collect(), next })
        })
    }
}

fn change(row: Transition) -> Change {
    let Transition { route, node, at, from, to, scar, merged, resistance, .. } = row;
    Change { route, node, at, from, to, scar, merged, resistance }
}
