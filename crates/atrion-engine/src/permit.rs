// SPDX-License-Identifier: Apache-2.0
//! The right to run one call, and the duty to say how it went. Why there are two:
//! `docs/adr/0005-permits-borrow.md`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use atrion_core::{Cost, Mono, Outcome};

use crate::cell::{Held, RouteCell};
use crate::config::Hold;
use crate::live::{Closed, For, Waited};
use crate::stream::StreamPermit;

/// A call that was let through. Finish it with its outcome.
///
/// On a route of a [`Group`](crate::Group) it holds a slot of both gates, and gives back both.
///
/// Dropped without one it counts as cancelled: the in-flight count goes down, and nothing is
/// learned of how long the callee takes. So a panic or a cancelled future leaks nothing. Only that
/// no answer came within the SLO is remembered: calls that are given up later than that, and
/// nothing else, open the breaker as failures in a row do.
///
/// It borrows its route, which keeps the hot path free of reference counts; a future that must be
/// `'static` takes an [`OwnedPermit`].
///
/// ```
/// use atrion_core::{Outcome, Tier};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
/// # async fn call() -> Result<(), std::io::Error> { Ok(()) }
/// let route = atrion.route("api/checkout");
/// let permit = route.admit(Tier::Normal)?;
/// let outcome = if call().await.is_ok() { Outcome::Success } else { Outcome::Failure };
/// permit.finish(outcome);
///
/// drop(route.admit(Tier::Normal)?); // cancelled: nothing leaks
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit that is dropped at once counts as a cancelled call"]
pub struct Permit<'a> {
    cell: &'a RouteCell,
    held: Held,
}

impl<'a> Permit<'a> {
    #[inline(always)]
    pub(crate) fn new(cell: &'a RouteCell, held: Held) -> Self {
        Self { cell, held }
    }

    /// Says how the call went.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let now = self.cell.now();
        self.finish_at(outcome, now);
    }

    /// The same for a caller that has just read the instance's clock itself.
    #[inline(always)]
    pub fn finish_at(self, outcome: Outcome, now: Mono) {
        // Forgotten first: a permit that could still be dropped would have to live in memory.
        let (cell, held) = (self.cell, self.held);
        std::mem::forget(self);
        cell.finish(held, Some(outcome), now);
    }

    /// What the call costs, as far as is known.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.held.cost()
    }

    /// Says what the call really costs, while it runs or right before it is finished: the route
    /// counts that from now on. It never waits, and is never refused: the work is there.
    ///
    /// ```
    /// use atrion_core::{Cost, Outcome, Priority, Tier};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let atrion = atrion_engine::Atrion::builder().connect().await?;
    /// let route = atrion.route("completions");
    /// let mut permit = route.admit(Priority::from(Tier::Normal).cost(Cost::new(800)?))?;
    /// assert_eq!(route.snapshot().in_flight, 800);
    /// permit.settle(Cost::new(1_020)?);
    /// assert_eq!(route.snapshot().in_flight, 1_020);
    /// permit.finish(Outcome::Success);
    /// assert_eq!(route.snapshot().in_flight, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn settle(&mut self, actual: Cost) {
        self.cell.weigh(&mut self.held, actual, self.cell.now());
    }

    /// The call costs so many units more than was known, up to [`Cost::MAX`] in all.
    pub fn add(&mut self, units: u32) {
        self.settle(Cost::saturating(self.cost().get().saturating_add(units)));
    }

    /// When the call was let through.
    #[must_use]
    pub fn started(&self) -> Mono {
        self.held.start()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.cell.finish(self.held, None, self.cell.now());
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("route", self.cell.id()).finish_non_exhaustive()
    }
}

/// A [`Permit`] that owns its share of the route and can move into any future or thread.
///
/// It can stop the call's time while the call waits for its client: such a call is no load of the
/// service, and its latency is without the wait (`manual/physics.md` section 2).
///
/// ```
/// use atrion_core::{Outcome, Tier};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
///
/// let route = atrion.route("export");
/// let permit = route.admit_owned(Tier::Normal)?;
/// permit.wait_for_reader();
/// assert_eq!((route.snapshot().in_flight, route.snapshot().waiting), (0, 1));
/// permit.go_on();
/// assert_eq!((route.snapshot().in_flight, route.snapshot().waiting), (1, 0));
/// permit.finish(Outcome::Success);
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit that is dropped at once counts as a cancelled call"]
pub struct OwnedPermit(Call);

enum Call {
    Own(Admitted),
    /// With the handle of what reads the request's body.
    Shared(Share),
}

impl OwnedPermit {
    #[inline(always)]
    pub(crate) fn new(cell: Arc<RouteCell>, held: Held) -> Self {
        Self(Call::Own(Admitted { cell, held, waited: Waited::default(), given_up: AtomicBool::new(false) }))
    }

    /// How long a request of its route counts as in flight, if the configuration says: for what holds
    /// permits for others.
    #[must_use]
    #[inline]
    pub fn hold(&self) -> Option<Hold> {
        self.call().cell.hold_configured()
    }

    /// Says how the call went.
    pub fn finish(self, outcome: Outcome) {
        let now = self.call().cell.now();
        self.finish_at(outcome, now);
    }

    /// The same for a caller that has just read the instance's clock itself.
    pub fn finish_at(mut self, outcome: Outcome, now: Mono) {
        match &mut self.0 {
            Call::Own(call) => call.finish_alone(Some(outcome), now),
            Call::Shared(call) => call.0.finish(Some(outcome), now),
        }
    }

    /// What the call costs, as far as is known.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.call().held.cost()
    }

    /// Says what the call really costs: [`Permit::settle`]. False, and nothing is changed, while
    /// another handle reads the call's request ([`watch_request`](Self::watch_request)).
    pub fn settle(&mut self, actual: Cost) -> bool {
        let Some(call) = self.call_alone() else { return false };
        let waits = call.waited.is_for(For::Reader);
        if waits {
            call.go_on(For::Reader);
        }
        let cell = Arc::clone(&call.cell);
        cell.weigh(&mut call.held, actual, cell.now());
        if waits {
            call.wait(For::Reader);
        }
        true
    }

    /// The call costs so many units more than was known: [`Permit::add`], with the answer of
    /// [`settle`](Self::settle).
    pub fn add(&mut self, units: u32) -> bool {
        self.settle(Cost::saturating(self.cost().get().saturating_add(units)))
    }

    /// The first byte of the answer is there, and it goes on as a stream. For the law the call ends
    /// here, as [`finish`](Self::finish) would end it: it is late or in time, and this was its
    /// latency. What it goes on to hold is a place under the cap.
    pub fn into_stream(self, outcome: Outcome) -> StreamPermit {
        let (cell, held) = (Arc::clone(&self.call().cell), self.call().held);
        let stream = cell.open_stream(held);
        self.finish(outcome);
        StreamPermit::new(cell, stream)
    }

    /// The call waits until its client takes what there is of the response. At most 16,384 calls of
    /// a route wait; one more stays in flight. It does nothing for a call that waits already.
    pub fn wait_for_reader(&self) {
        self.call().wait(For::Reader);
    }

    /// The client takes more of the response: the call is in flight again, unless it still waits
    /// for its request.
    pub fn go_on(&self) {
        self.call().go_on(For::Reader);
    }

    /// Gives a handle to what reads the request's body, which sees the call wait for its client. It
    /// allocates once.
    pub fn watch_request(self) -> (Self, RequestWait) {
        let call = match self.0 {
            Call::Own(call) => Share(Arc::new(call)),
            Call::Shared(call) => call,
        };
        let watch = RequestWait(Arc::clone(&call.0));
        (Self(Call::Shared(call)), watch)
    }

    /// The rest of the request has not come: what reads it waits, or has given it up while it
    /// waited. A failure of such a call is its client's.
    #[must_use]
    pub fn lacks_its_request(&self) -> bool {
        let call = self.call();
        call.waited.is_for(For::Sender) || call.given_up.load(Relaxed)
    }

    /// What it holds, for another permit of the same call. It never waited for its client.
    pub(crate) fn into_held(self, now: Mono) -> Held {
        let call = self.call();
        call.waited.close(now).map_or(call.held, |closed| call.cell.end_wait(call.held, closed, now))
    }

    fn call_alone(&mut self) -> Option<&mut Admitted> {
        match &mut self.0 {
            Call::Own(call) => Some(call),
            Call::Shared(call) => Arc::get_mut(&mut call.0),
        }
    }

    fn call(&self) -> &Admitted {
        match &self.0 {
            Call::Own(call) => call,
            Call::Shared(call) => &call.0,
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("route", self.call().cell.id()).finish_non_exhaustive()
    }
}

/// What reads a request's body says here when it has to wait for the next bytes, and when they
/// come. Obtained from [`OwnedPermit::watch_request`].
///
/// It does not keep the call in flight: the permit decides when that ends, and afterwards nothing
/// here has an effect. Dropped, it waits no more; dropped while it waits, the request was given up.
#[must_use]
pub struct RequestWait(Arc<Admitted>);

impl RequestWait {
    /// The call waits for the next bytes of its request. At most 16,384 calls of a route wait; one
    /// more stays in flight. It does nothing for a call that waits already.
    pub fn wait(&self) {
        self.0.wait(For::Sender);
    }

    /// The bytes are there: the call is in flight again, unless it waits for its reader.
    pub fn go_on(&self) {
        self.0.go_on(For::Sender);
    }
}

impl Drop for RequestWait {
    fn drop(&mut self) {
        if self.0.waited.is_for(For::Sender) {
            self.0.given_up.store(true, Relaxed);
            self.go_on();
        }
    }
}

impl fmt::Debug for RequestWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestWait").field("route", self.0.cell.id()).finish_non_exhaustive()
    }
}

/// The permit's share of a call. The call ends with it, however long the other share lives.
struct Share(Arc<Admitted>);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.drop_unfinished();
    }
}

/// A call that was let through, until its wait is closed.
struct Admitted {
    cell: Arc<RouteCell>,
    held: Held,
    waited: Waited,
    given_up: AtomicBool,
}

impl Admitted {
    fn wait(&self, what: For) {
        // A body may be asked again and again while it has nothing.
        if !self.waited.is_for(what) {
            self.cell.wait(&self.held, &self.waited, what, self.cell.now());
        }
    }

    fn go_on(&self, what: For) {
        // Every frame of a body asks, and few have waited.
        if self.waited.is_for(what) {
            self.cell.go_on(&self.held, &self.waited, what, self.cell.now());
        }
    }

    fn finish(&self, outcome: Option<Outcome>, now: Mono) {
        self.end(self.waited.close(now), outcome, now);
    }

    /// The same where nothing else sees the call wait.
    fn finish_alone(&mut self, outcome: Option<Outcome>, now: Mono) {
        let closed = self.waited.close_alone(now);
        self.end(closed, outcome, now);
    }

    fn end(&self, closed: Option<Closed>, outcome: Option<Outcome>, now: Mono) {
        if let Some(closed) = closed {
            self.cell.finish(self.cell.end_wait(self.held, closed, now), outcome, now);
        }
    }

    fn drop_unfinished(&self) {
        if !self.waited.is_over() {
            self.finish(None, self.cell.now());
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.drop_unfinished();
    }
}
