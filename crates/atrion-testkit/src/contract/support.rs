// SPDX-License-Identifier: Apache-2.0
//! What the checks share: names, sample vectors, comparison up to age.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use atrion_core::{Mode, Ohms, Wall};
use atrion_state::{
    Change, DecayRate, MomentumRate, PhysicsVector, ProviderError, Register, RouteId, StateProvider,
    Subscription, Weight,
};

use super::{Finding, Subject, Verdict};

/// `ensure!(condition, "what is broken {}", with)`.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::contract::Finding::Broken(format!($($message)+)));
        }
    };
}
pub(super) use ensure;

/// A store's arithmetic may add so much to an age or take it off: a millisecond of rounding in its
/// unit.
const ROUNDING: Duration = Duration::from_millis(1);

pub(super) fn route(name: &str) -> Result<RouteId, Finding> {
    RouteId::new(name).map_err(|why| Finding::Broken(format!("the suite's own route name: {why}")))
}

/// A vector of which every field has a value of its own, so that none can be mistaken for another
/// or for a default.
pub(super) fn vector(seed: u8) -> PhysicsVector {
    let seed = f64::from(seed);
    PhysicsVector::new(Mode::Operational, Ohms::saturating(41.5 + seed), Ohms::saturating(20.25 + seed))
        .with_momentum(MomentumRate::saturating(0.5 + seed))
        .with_weight(Weight::from_255ths(232))
        .with_decay_rate(DecayRate::saturating(0.125))
        .with_timestamp(Wall::from_millis(1_767_960_000_123))
}

/// Why two vectors differ in something else than their age, if they do. Resistance and momentum are
/// for people, and a store may keep them as 32-bit floats.
pub(super) fn difference(stored: &PhysicsVector, got: &PhysicsVector) -> Option<String> {
    let close = |one: f64, other: f64| (one - other).abs() <= one.abs() * 1e-6;
    let same = stored.mode == got.mode
        && stored.scar_tissue == got.scar_tissue
        && stored.weight == got.weight
        && stored.decay_rate == got.decay_rate
        && close(stored.resistance.get(), got.resistance.get())
        && close(stored.momentum.get(), got.momentum.get());
    (!same).then(|| format!("stored {stored:?}, got {got:?}"))
}

/// Reads a vector that must be there and must be `stored`, up to its age.
pub(super) async fn expect(
    provider: &dyn StateProvider,
    route: &RouteId,
    stored: &PhysicsVector,
) -> Result<PhysicsVector, Finding> {
    let Some(got) = provider.get_vector(route).await? else {
        return Err(Finding::Broken(format!("route `{route}` was stored and is not there")));
    };
    compare(route, stored, &got)?;
    Ok(got)
}

/// Fails unless the vector that came back is the one that was stored, and not younger.
pub(super) fn compare(route: &RouteId, stored: &PhysicsVector, got: &PhysicsVector) -> Verdict {
    if let Some(difference) = difference(stored, got) {
        return Err(Finding::Broken(format!("route `{route}`: {difference}")));
    }
    let (before, after) = (stored.age, got.age);
    ensure!(after + ROUNDING >= before, "route `{route}` became younger: {before:?} to {after:?}");
    Ok(())
}

/// Lets the subject's peer, if it has one, store `vector(3)` of a route; what the subject's view
/// has of the route when that arrived, or after five seconds.
pub(super) async fn peer_vector(subject: &Subject, route: &RouteId) -> Result<Vec<Register>, Finding> {
    let Some(peer) = &subject.peer else { return Ok(Vec::new()) };
    peer.update_vector(route.clone(), vector(3)).await?;
    for _ in 0..100 {
        let seen = subject.provider.view(route);
        if !seen.is_empty() {
            return Ok(seen);
        }
        subject.pass(Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
    Ok(Vec::new())
}

/// Polls a future once and drops it, as a caller does that gives it up.
pub(super) fn poll_once<F: Future>(future: F) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

/// An answer, or a typed error that says that the provider is not connected or not reachable: a
/// provider without a connection may say nothing else.
pub(super) fn answers_or_refuses<T>(result: Result<T, ProviderError>) -> Result<(), Finding> {
    match result {
        Ok(_) | Err(ProviderError::Disconnected { .. } | ProviderError::Unavailable { .. }) => Ok(()),
        Err(other) => Err(Finding::Broken(format!("neither an answer nor `disconnected`: {other}"))),
    }
}

/// The next change of a subscription, within five seconds, which a store's delivery may take.
pub(super) async fn next(subscription: &mut Subscription) -> Result<Change, Finding> {
    match tokio::time::timeout(Duration::from_secs(5), subscription.recv()).await {
        Ok(Some(change)) => Ok(change),
        Ok(None) => Err(Finding::Broken("the subscription ended".into())),
        Err(_) => Err(Finding::Broken("no change came within five seconds".into())),
    }
}
