// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The history: which routes opened, for how long, and on which node first. For people and
//! dashboards; no decision reads it.

use std::time::Duration;

use atrion_core::{Mode, Wall};
use atrion_state::ProviderError;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::login::Login;
use super::session::mode;
use super::{ConfigError, NAME, SettingsFault, config};
use crate::credentials::{CredentialSource, Source};

mod connections;
use connections::Connections;

mod page;
pub use page::{Cursor, CursorError, Page, Paged, TimeRange};

mod sql;

/// Reads the history of one cluster over connections of its own, two at most. A clone shares them.
/// If the server refuses connections, the
/// reason is asked for after two seconds, over one more.
///
/// All times are of the database's clock. A range has its beginning and not its end; pages go on
/// where the one before ended, whatever was written meanwhile.
#[derive(Debug, Clone)]
pub struct HistoryReader {
    connections: Connections,
    cluster: String,
}

/// A route that had its breaker open on some node.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trouble {
    /// The route.
    pub route: String,
    /// How often it opened, on all nodes together.
    pub openings: u64,
    /// On how many nodes.
    pub nodes: u64,
    /// For how long within the range, of all nodes together.
    pub open_for: Duration,
    /// Which node was the first.
    pub first_node: String,
    /// And when.
    pub first_at: Wall,
}

/// A breaker that opened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Opening {
    /// The route.
    pub route: String,
    /// The node.
    pub node: String,
    /// When it opened.
    pub at: Wall,
    /// When it was open no more; `None` if it still is, or its node is gone.
    pub until: Option<Wall>,
    /// Its scar at that moment, in ohms.
    pub scar: f64,
    /// The scar that its gate used because of the fleet, in ohms; `None` where it used its own.
    pub merged: Option<f64>,
    /// Its resistance at that moment, in ohms.
    pub resistance: f64,
}

/// A change of a mode.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Transition {
    /// The route.
    pub route: String,
    /// The node.
    pub node: String,
    /// When.
    pub at: Wall,
    /// What it did before.
    pub from: Mode,
    /// What it did from then on.
    pub to: Mode,
    /// Its scar at that moment, in ohms.
    pub scar: f64,
    /// The scar that its gate used because of the fleet, in ohms; `None` where it used its own.
    pub merged: Option<f64>,
    /// Its resistance at that moment, in ohms.
    pub resistance: f64,
}

/// How a route was at a moment. There are samples of what is not quite well, one a minute.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The node.
    pub node: String,
    /// When.
    pub at: Wall,
    /// Its mode.
    pub mode: Mode,
    /// Its scar, in ohms.
    pub scar: f64,
    /// The scar that its gate used because of the fleet, in ohms; `None` where it used its own.
    pub merged: Option<f64>,
    /// Its resistance, in ohms.
    pub resistance: f64,
    /// Its momentum, in 1/s.
    pub momentum: f64,
}

/// How a route is, as its node last wrote it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Standing {
    /// The route.
    pub route: String,
    /// The node.
    pub node: String,
    /// Its mode.
    pub mode: Mode,
    /// What is left of its scar by now, in ohms.
    pub scar: f64,
    /// Its resistance then, in ohms.
    pub resistance: f64,
    /// How long ago its node wrote it.
    pub age: Duration,
}

impl HistoryReader {
    /// A reader of this cluster's history, with a role that may read. It connects when it is asked
    /// something.
    ///
    /// # Errors
    /// [`ConfigError`] if the URL is none.
    pub fn new(url: &str, cluster: impl Into<String>) -> Result<Self, ConfigError> {
        let wrong = |problem| ConfigError::new(NAME, vec![SettingsFault::new("url", problem)]);
        let options = config::options(url).map_err(wrong)?;
        Ok(Self::over(Login::new(options, Source::default()), cluster.into()))
    }

    pub(super) fn over(login: Login, cluster: String) -> Self {
        Self { connections: Connections::new(login), cluster }
    }

    /// The same with a source of credentials, which is asked before each connection and counts
    /// before the url.
    #[must_use]
    pub fn credentials(self, source: impl CredentialSource) -> Self {
        let login = self.connections.login().with(Source::new(source));
        Self::over(login, self.cluster)
    }

    /// The last `span` until now, by the database's clock.
    ///
    /// # Errors
    /// [`ProviderError`] if it could not be asked.
    pub async fn last(&self, span: Duration) -> Result<TimeRange, ProviderError> {
        let rows = self.ask(sqlx::query(sql::NOW)).await?;
        let now: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Ok(TimeRange::micros(now.saturating_sub(span), now))
    }

    /// Which routes opened, for how long, and on which node first: the worst route first.
    ///
    /// # Errors
    /// [`ProviderError`] if it could not be asked.
    pub async fn troubles(&self, range: TimeRange, page: &Page) -> Result<Paged<Trouble>, ProviderError> {
        let (number, text) = page.after();
        let query = sqlx::query(sql::TROUBLES)
            .bind(&self.cluster)
            .bind(range.from)
            .bind(range.to)
            .bind(number)
            .bind(text)
            .bind(page.rows());
        let rows = self.ask(query).await?;
        page.cut(&rows, |row| {
            let (route, micros): (String, i64) = (row.try_get("route")?, row.try_get("open_us")?);
            let trouble = Trouble {
                openings: count(row, "openings")?,
                nodes: count(row, "nodes")?,
                open_for: Duration::from_micros(u64::try_from(micros).unwrap_or(0)),
                first_node: row.try_get("first_node")?,
                first_at: wall(row, "first_us")?,
                route: route.clone(),
            };
            Ok((trouble, Cursor::new(micros, route)))
        })
    }

    /// Each breaker that opened, the latest first; of one route, if one is named.
    ///
    /// # Errors
    /// [`ProviderError`] if it could not be asked.
    pub async fn openings(
        &self,
        range: TimeRange,
        route: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Opening>, ProviderError> {
        let rows = self.ask(self.ranged(sql::OPENINGS, range, route, page)).await?;
        page.cut(&rows, |row| {
            let opening = Opening {
                route: row.try_get("route")?,
                node: row.try_get("node")?,
                at: wall(row, "at_us")?,
                until: row.try_get::<Option<i64>, _>("until_us")?.map(millis),
                scar: row.try_get("scar")?,
                merged: row.try_get("merged")?,
                resistance: row.try_get("resistance")?,
            };
            Ok((opening, cursor(row)?))
        })
    }

    /// Every change of a mode, the latest first; of one route, if one is named.
    ///
    /// # Errors
    /// [`ProviderError`] if it could not be asked.
    pub async fn transitions(
        &self,
        range: TimeRange,
        route: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Transition>, ProviderError> {
        let rows = self.ask(self.ranged(sql::TRANSITIONS, range, route, page)).await?;
        page.cut(&rows, |row| {
            let transition = Transition {
                route: row.try_get("route")?,
                node: row.try_get("node")?,
                at: wall(row, "at_us")?,
                from: shown(row, "from_mode")?,
                to: shown(row, "to_mode")?,
                scar: row.try_get("scar")?,
                merged: row.try_get("merged")?,
                resistance: row.try_get("resistance")?,
            };
            Ok((transition, cursor(row)?))
        })
    }

    /// Samples of one route on all nodes, the latest first.
    ///
    /// # Errors
    /// [`ProviderError`] if it could not be asked.
    pub async fn samples(
        &self,
        route: &str,
        range: TimeRange,
        page: &Page,
    ) -> Result<Paged<Sample>, ProviderError> {
        let rows = self.ask(self.ranged(sql::SAMPLES, range, Some(route), page)).await?;
        page.cut(&rows, |row| {
            let sample = Sample {
                node: row.try_get("node")?,
                at: wall(row, "at_us")?,
                mode: shown(row, "mode")?,
                scar: f64::from(row.try_get::<f32, _>("scar")?),
                merged: row.try_get::<Option<f32>, _>("merged")?.map(f64::from),
                resistance: f64::from(row.try_get::<f32, _>("resistance")?),
                momentum: f64::from(row.try_get::<f32, _>("momentum")?),
            };
            Ok((sample, cursor(row)?))
        })
    }

    /// How every route is on every node, by name.
    ///
    /// # Errors
    /// [`ProviderError`] if it could not be asked.
    pub async fn standings(&self, page: &Page) -> Result<Paged<Standing>, ProviderError> {
        let (_, text) = page.after();
        let query = sqlx::query(sql::STANDINGS).bind(&self.cluster).bind(text).bind(page.rows());
        let rows = self.ask(query).await?;
        page.cut(&rows, |row| {
            let (route, node): (String, String) = (row.try_get("route")?, row.try_get("node")?);
            // A space cannot stand in a node's name, and a route's name ends before the last one.
            let cursor = Cursor::new(0, format!("{route} {node}"));
            let standing = Standing {
                mode: shown(row, "mode")?,
                scar: row.try_get("scar")?,
                resistance: f64::from(row.try_get::<f32, _>("resistance")?),
                age: Duration::try_from_secs_f64(row.try_get("age")?).unwrap_or_default(),
                route,
                node,
            };
            Ok((standing, cursor))
        })
    }

    fn ranged<'q>(
        &'q self,
        text: &'static str,
        range: TimeRange,
        route: Option<&'q str>,
        page: &'q Page,
    ) -> Query<'q> {
        let (number, tie) = page.after();
        sqlx::query(text)
            .bind(&self.cluster)
            .bind(range.from)
            .bind(range.to)
            .bind(route)
            .bind(number)
            .bind(tie)
            .bind(page.rows())
    }

    async fn ask(&self, query: Query<'_>) -> Result<Vec<PgRow>, ProviderError> {
        let asked = async {
            let (mut transaction, _place) = self.connections.begin().await?;
            sqlx::raw_sql("set transaction read only; set local statement_timeout = '10s'")
                .execute(&mut *transaction)
                .await?;
            // Nothing stays prepared: there may be a pooler in between.
            let rows = query.persistent(false).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok::<_, StoreError>(rows)
        };
        asked.await.map_err(ProviderError::from)
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn failed(error: sqlx::Error) -> ProviderError {
    StoreError::from(error).into()
}

fn cursor(row: &PgRow) -> Result<Cursor, sqlx::Error> {
    Ok(Cursor::new(row.try_get("at_us")?, row.try_get::<String, _>("tie")?))
}

fn wall(row: &PgRow, column: &str) -> Result<Wall, sqlx::Error> {
    row.try_get(column).map(millis)
}

fn millis(micros: i64) -> Wall {
    Wall::from_millis(u64::try_from(micros / 1_000).unwrap_or(0))
}

fn count(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    row.try_get::<i64, _>(column).map(|count| u64::try_from(count).unwrap_or(0))
}

/// A mode that a newer build wrote is none that this one could show.
fn shown(row: &PgRow, column: &str) -> Result<Mode, sqlx::Error> {
    Ok(mode(row.try_get(column)?).unwrap_or(Mode::Operational))
}
