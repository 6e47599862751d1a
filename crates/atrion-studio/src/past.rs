// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Questions to the history, within limits: two at a time, each for eight seconds, and a bounded
//! number of rows. A history that is slow, stuck or gone is a sentence on the page and nothing
//! else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_tower::api::EventText;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::source::{History, HistoryError, ModeChange, ModeChanges, Wanted};

/// The history, if there is one.
pub(crate) struct Past {
    history: Option<Arc<dyn History>>,
    places: Semaphore,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("nothing is remembered here: give Studio a history, as with `.history(adapter.history()?)`")]
    NoHistory,
    #[error("{0}")]
    Unfit(String),
    #[error("the history in {name} cannot be read: {error}; live events go on")]
    Failed { name: String, error: String },
    #[error("the history in {name} has not answered within {} s: it is gone, stuck or busy; live events go on", LIMIT.as_secs())]
    TooSlow { name: String },
}

/// Questions at a time: a reader has as many connections.
const AT_ONCE: usize = 2;
/// For one question, the wait for a place included. A connection may stand still for longer, so
/// that the browser still gets an answer in words.
const LIMIT: Duration = Duration::from_secs(8);
/// Rows of one answer, rows of each question of an export, and the most of an export.
const PAGE: u16 = 200;
const PAGE_OF_EXPORT: u16 = 1_000;
pub(crate) const MOST_EXPORTED: usize = 10_000;
/// A minute to a year.
const SPANS: std::ops::RangeInclusive<u64> = 60..=366 * 86_400;

impl Past {
    pub(crate) fn new(history: Option<Arc<dyn History>>) -> Self {
        Self { history, places: Semaphore::new(AT_ONCE) }
    }

    /// The name of the history.
    pub(crate) fn name(&self) -> Option<&str> {
        self.history.as_ref().map(|history| history.name())
    }

    /// One page.
    pub(crate) async fn page(
        &self,
        seconds: u64,
        route: Option<String>,
        after: Option<String>,
    ) -> Result<Value, NoAnswer> {
        let (history, span) = self.checked(seconds)?;
        let wanted = Wanted { span, route, rows: PAGE, after };
        let ModeChanges { rows, next } = self.limited(history, history.changes(wanted)).await?;
        let rows: Vec<Value> = rows.iter().map(told).collect();
        Ok(json!({ "history": history.name(), "events": rows, "next": next }))
    }

    /// All rows up to [`MOST_EXPORTED`], one JSON value per line. If there are more, the last line
    /// says so.
    pub(crate) async fn lines(&self, seconds: u64, route: Option<String>) -> Result<String, NoAnswer> {
        let (history, span) = self.checked(seconds)?;
        let all = async {
            let (mut lines, mut count, mut after) = (String::new(), 0, None);
            loop {
                let wanted = Wanted { span, route: route.clone(), rows: PAGE_OF_EXPORT, after };
                let ModeChanges { rows, next } = history.changes(wanted).await?;
                count += rows.len();
                for row in &rows {
                    lines.push_str(&told(row).to_string());
                    lines.push('\n');
                }
                after = next;
                if after.is_none() || rows.is_empty() {
                    return Ok(lines);
                }
                if count >= MOST_EXPORTED {
                    let words = format!(
                        "{MOST_EXPORTED} are exported at the most: ask for a shorter time, or a route"
                    );
                    lines.push_str(&json!({ "kind": "export_cut", "text": words }).to_string());
                    lines.push('\n');
                    return Ok(lines);
                }
            }
        };
        self.limited(history, all).await
    }

    fn checked(&self, seconds: u64) -> Result<(&dyn History, Duration), NoAnswer> {
        let history = self.history.as_deref().ok_or(NoAnswer::NoHistory)?;
        if !SPANS.contains(&seconds) {
            let (least, most) = (SPANS.start(), SPANS.end());
            return Err(NoAnswer::Unfit(format!("`seconds` must be {least}..={most}, got {seconds}")));
        }
        Ok((history, Duration::from_secs(seconds)))
    }

    async fn limited<T>(
        &self,
        history: &dyn History,
        question: impl Future<Output = Result<T, HistoryError>>,
    ) -> Result<T, NoAnswer> {
        let name = || history.name().to_owned();
        let asked = async {
            // Never closed, so this waits for a place and cannot fail.
            let _place = self.places.acquire().await;
            question.await
        };
        match tokio::time::timeout(LIMIT, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(HistoryError::Place(words))) => Err(NoAnswer::Unfit(words)),
            Ok(Err(error)) => Err(NoAnswer::Failed { name: name(), error: error.to_string() }),
            Err(_) => Err(NoAnswer::TooSlow { name: name() }),
        }
    }
}

/// A change as an event is told. It has no number: pages go on after a place of the history's own.
fn told(change: &ModeChange) -> Value {
    #[derive(Serialize)]
    struct Told {
        at_ms: u64,
        #[serde(flatten)]
        event: EventText,
    }
    let ModeChange { route, node, at, from, to, scar, merged, resistance } = change;
    let event = EventText::mode_changed(route, Some(*from), *to, Some(*resistance)).on_node(node);
    let event = event.detail("scar_ohm", *scar).detail("merged_scar_ohm", *merged);
    // Maps with text as keys: it cannot fail.
    serde_json::to_value(Told { at_ms: at.as_millis(), event }).unwrap_or_default()
}

impl fmt::Debug for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Past").field("history", &self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use atrion_core::{Mode, Wall};
    use atrion_state::BoxFuture;

    use super::*;

    /// Has as many rows as are wanted, and counts the questions at a time.
    #[derive(Default)]
    struct Endless {
        asking: AtomicUsize,
        most: AtomicUsize,
        is_stuck: bool,
    }

    struct Asking<'a>(&'a AtomicUsize);

    impl Drop for Asking<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    impl History for Endless {
        fn name(&self) -> &str {
            "endless"
        }

        fn changes(&self, wanted: Wanted) -> BoxFuture<'_, Result<ModeChanges, HistoryError>> {
            Box::pin(async move {
                let asking = 1 + self.asking.fetch_add(1, Ordering::Relaxed);
                self.most.fetch_max(asking, Ordering::Relaxed);
                let _asking = Asking(&self.asking);
                tokio::time::sleep(Duration::from_secs(if self.is_stuck { 3_600 } else { 1 })).await;
                let row = ModeChange {
                    route: "r".to_owned(),
                    node: "pod-1".to_owned(),
                    at: Wall::from_millis(1),
                    from: Mode::Operational,
                    to: Mode::CircuitBreaker,
                    scar: 90.0,
                    merged: None,
                    resistance: 100.0,
                };
                Ok(ModeChanges { rows: vec![row; usize::from(wanted.rows)], next: Some("on".to_owned()) })
            })
        }
    }

    fn past(is_stuck: bool) -> (Arc<Endless>, Arc<Past>) {
        let endless = Arc::new(Endless { is_stuck, ..Endless::default() });
        let history: Arc<dyn History> = endless.clone();
        (endless, Arc::new(Past::new(Some(history))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_and_an_export_are_bounded_and_say_so() {
        let (_, past) = past(false);
        let page = past.page(3_600, None, None).await.unwrap();
        assert_eq!((page["events"].as_array().unwrap().len(), &page["next"]), (200, &json!("on")));
        assert_eq!(page["events"][0]["text"], "pod-1: operational → breaker open at 100.0 Ω");
        for wrong in [0, 59, 400 * 86_400, u64::MAX] {
            let error = past.page(wrong, None, None).await.unwrap_err().to_string();
            assert!(error.contains("`seconds`"), "{error}");
        }
        // Ten pages of a second each take longer than the limit.
        let error = past.lines(3_600, None).await.unwrap_err().to_string();
        assert!(error.contains("within 8 s"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_history_is_given_up_and_two_are_asked_at_a_time() {
        let (endless, past) = past(true);
        let before = tokio::time::Instant::now();
        let asked: Vec<_> = (0..20)
            .map(|_| {
                let past = Arc::clone(&past);
                tokio::spawn(async move { past.page(3_600, None, None).await.unwrap_err().to_string() })
            })
            .collect();
        for answer in asked {
            let error = answer.await.unwrap();
            assert!(error.contains("endless") && error.contains("live events go on"), "{error}");
        }
        assert_eq!(before.elapsed().as_secs(), LIMIT.as_secs(), "the wait for a place counts, too");
        assert_eq!(endless.most.load(Ordering::Relaxed), AT_ONCE);
    }

    #[tokio::test]
    async fn without_a_history_it_says_how_to_have_one() {
        let past = Past::new(None);
        let error = past.page(3_600, None, None).await.unwrap_err().to_string();
        assert!(past.name().is_none() && error.contains(".history("), "{error}");
    }
}
