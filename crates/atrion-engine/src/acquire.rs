// SPDX-License-Identifier: Apache-2.0
//! The futures of those that wait for a permit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use atrion_core::Priority;

use crate::cell::{Held, RouteCell, Waits, Within};
use crate::permit::{OwnedPermit, Permit};
use crate::route::Route;
use crate::shed::Shed;

/// Waits for a [`Permit`], as long as its patience lasts. Made by [`Route::acquire`].
///
/// It asks when it is first polled; from then on its patience runs. Dropped, it waits no more, and
/// what it has been given in that instant goes to the next.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Acquire<'a> {
    cell: &'a Arc<RouteCell>,
    asks: Asks,
}

/// The same for a permit that has to outlive the handle. Made by [`Route::acquire_owned`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct AcquireOwned {
    cell: Arc<RouteCell>,
    asks: Asks,
}

#[derive(Debug)]
struct Asks {
    within: Within,
    priority: Priority,
    patience: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    Waits(Waits),
    Done,
}

/// The patience of one that has not said how much it has.
const PATIENCE: Duration = Duration::from_secs(60);

impl Route {
    /// Waits for a permit: at once if the gate lets this priority in and nothing waits before it;
    /// otherwise as soon as it does. Where nothing has to wait it costs a few nanoseconds more than
    /// [`admit`](Self::admit): it has made a future.
    ///
    /// For consumers, job workers and pools, which can pause: a message or a job is kept instead
    /// of being refused. [`within`](Acquire::within) sets for how long it may wait; without it a
    /// minute. It waits no longer than to the request's deadline
    /// ([`Priority::deadline`](atrion_core::Priority::deadline)), and not at all if it is too late.
    ///
    /// The most important tier is served first, and inside of a tier the oldest, in an overload the
    /// newest (`manual/waiting.md` says why). One that waits is not in flight. A
    /// permit begins when it is given, so waiting is no latency. While the breaker is open, those
    /// that wait are its probes.
    ///
    /// At most 1,024 wait at one gate; one more takes the place of the least important, which is
    /// refused. Routes of a [`Group`](crate::Group) have one line, at its gate.
    ///
    /// # Errors
    /// [`Shed`] is the gate's refusal at the end of the patience, or when an operator forces the
    /// route open or the instance is shut down.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atrion_core::{Outcome, Tier};
    /// use atrion_engine::{Atrion, Config, RouteConfig};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::default().route("jobs", RouteConfig::default().cap(1));
    /// let atrion = Atrion::builder().config(config).connect().await?;
    /// let jobs = atrion.route("jobs");
    ///
    /// let running = jobs.acquire(Tier::Low).await?;
    /// let refused = jobs.acquire(Tier::Low).within(Duration::from_millis(5)).await;
    /// assert!(refused.is_err(), "its patience is over");
    ///
    /// let next = jobs.acquire_owned(Tier::Low);
    /// let next = tokio::spawn(async move { next.await.map(|permit| permit.finish(Outcome::Success)) });
    /// running.finish(Outcome::Success);
    /// next.await??;
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire(&self, priority: impl Into<Priority>) -> Acquire<'_> {
        Acquire { cell: self.cell(), asks: self.asks(priority.into()) }
    }

    /// The same for a permit that has to outlive this handle, as in a spawned task or a
    /// middleware's future.
    pub fn acquire_owned(&self, priority: impl Into<Priority>) -> AcquireOwned {
        AcquireOwned { cell: Arc::clone(self.cell()), asks: self.asks(priority.into()) }
    }

    fn asks(&self, priority: Priority) -> Asks {
        Asks { within: self.asked(), priority, patience: PATIENCE, state: State::New }
    }
}

impl Acquire<'_> {
    /// Sets for how long it may wait, from its first poll on. Zero is [`Route::admit`].
    pub fn within(mut self, patience: Duration) -> Self {
        self.asks.patience = patience;
        self
    }
}

impl AcquireOwned {
    /// Sets for how long it may wait, from its first poll on. Zero is [`Route::admit_owned`].
    pub fn within(mut self, patience: Duration) -> Self {
        self.asks.patience = patience;
        self
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, Shed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let cell = self.cell;
        self.asks.poll(cell, cx).map_ok(|held| Permit::new(cell, held))
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedPermit, Shed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { cell, asks } = self.get_mut();
        asks.poll(cell, cx).map_ok(|held| OwnedPermit::new(Arc::clone(cell), held))
    }
}

impl Asks {
    #[inline]
    fn poll(&mut self, cell: &Arc<RouteCell>, cx: &mut Context<'_>) -> Poll<Result<Held, Shed>> {
        if matches!(self.state, State::New)
            && let Some(held) = cell.admit_usual_unless_queued(self.within, self.priority, cell.now())
        {
            self.state = State::Done;
            return Poll::Ready(Ok(held));
        }
        self.poll_slow(cell, cx)
    }

    #[inline(never)]
    fn poll_slow(&mut self, cell: &Arc<RouteCell>, cx: &mut Context<'_>) -> Poll<Result<Held, Shed>> {
        let now = cell.now();
        let answer = match &mut self.state {
            State::New if self.patience.is_zero() => cell.admit(self.within, self.priority, now),
            State::New => match cell.admit_unless_queued(self.within, self.priority, now) {
                Ok(Some(held)) => Ok(held),
                Err(shed) => Err(shed),
                Ok(None) => {
                    let end = now.after(self.patience);
                    self.state = State::Waits(cell.wait_in_line(self.within, self.priority, end, now));
                    return self.poll_slow(cell, cx);
                }
            },
            State::Waits(waits) => match ready!(waits.poll(cx)) {
                Some(Ok(permit)) => Ok(permit.into_held(now)),
                Some(Err(shed)) => Err(shed),
                None => cell.admit(self.within, self.priority, now),
            },
            // It has given its answer, and is polled against the rule.
            State::Done => return Poll::Pending,
        };
        self.state = State::Done;
        Poll::Ready(answer)
    }
}
