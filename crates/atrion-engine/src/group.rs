// SPDX-License-Identifier: Apache-2.0
//! Routes that share something that can be overloaded as a whole.

use std::sync::Arc;

use crate::cell::RouteCell;
use crate::route::Route;
use crate::routes::Routes;

/// Routes that share a pool: workers, connections, a database. Cheap to clone.
///
/// Routes that share one resource do not add up: each sees a part of the crowd, so none knows how
/// much the resource can carry. A group has a gate of its own that counts the requests of all its
/// routes; a request passes it and then its route's, holds one [`Permit`](crate::Permit) for both,
/// and is refused by the one that says so.
///
/// The group's gate is a route whose name begins with `@`: it is configured, shown, stored, shared
/// and overridden as any other. [`AdmissionLayer`] puts the routes of a service into the group
/// `service` by itself.
///
/// [`AdmissionLayer`]: https://docs.rs/atrion-tower/latest/atrion_tower/struct.AdmissionLayer.html
///
/// ```
/// use atrion_core::{Outcome, Tier};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
/// let db = atrion.group("db");
/// let (orders, reports) = (db.route("GET /orders"), db.route("GET /reports"));
///
/// let permit = orders.admit(Tier::Normal)?;
/// assert_eq!((orders.snapshot().in_flight, reports.snapshot().in_flight), (1, 0));
/// assert_eq!(db.gate().snapshot().in_flight, 1);
///
/// permit.finish(Outcome::Success);
/// assert_eq!(db.gate().snapshot().in_flight, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Group {
    cell: Arc<RouteCell>,
    routes: Arc<Routes>,
}

impl Group {
    pub(crate) fn new(cell: Arc<RouteCell>, routes: Arc<Routes>) -> Self {
        Self { cell, routes }
    }

    /// The group's name, without the `@` of its gate.
    #[must_use]
    pub fn name(&self) -> &str {
        let id = self.cell.id();
        id.group_name().unwrap_or(id.as_str())
    }

    /// The route of that name behind both gates, made if it is new: [`Routes::route`], then
    /// [`Route::within`].
    #[must_use]
    pub fn route(&self, name: &str) -> Route {
        self.routes.route(name).within(self)
    }

    /// The group's gate alone, for what is done with a route: looking at it, recording it,
    /// overriding it.
    #[must_use]
    pub fn gate(&self) -> Route {
        Route::new(Arc::clone(&self.cell))
    }

    pub(crate) fn cell(&self) -> &Arc<RouteCell> {
        &self.cell
    }
}

impl Route {
    /// The same route behind the gate of a group, too: see [`Group`]. A route is in one group at a
    /// time; where the configuration names one ([`RouteConfig::group`](crate::RouteConfig::group)),
    /// that one holds.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let db = atrion.group("db");
    /// let orders = atrion.route("GET /orders").within(&db);
    /// assert_eq!(orders.group().as_ref(), Some(db.gate().id()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn within(self, group: &Group) -> Self {
        self.behind(group.cell())
    }
}
