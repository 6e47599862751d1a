// SPDX-License-Identifier: Apache-2.0
//! [`subscribe`](atrion_state::StateProvider::subscribe): bounded, the same for every subscriber,
//! and not delayed by a slow one.
//!
//! Where nodes share a store the changes are a peer's; where they do not, this process's own.

use atrion_state::{StateProvider, Subscription};

use super::support::{difference, ensure, next, route, vector};
use super::{Finding, Subject, Verdict};

/// **Repeat-safety:** two subscriptions side by side both see a change, with its vector.
pub async fn every_subscriber_gets_every_change(subject: &Subject) -> Verdict {
    let writer = writer(subject)?;
    let (mut one, mut other) = (subscribe(subject)?, subscribe(subject)?);
    let route = route("told")?;
    writer.update_vector(route.clone(), vector(1)).await?;
    for subscription in [&mut one, &mut other] {
        let change = next(subscription).await?;
        ensure!(change.route == route, "a change of `{}`, which was not made", change.route);
        if let Some(difference) = difference(&vector(1), &change.register.vector) {
            return Err(Finding::Broken(difference));
        }
        ensure!(subscription.dropped() == 0, "a change was dropped without need");
    }
    Ok(())
}

/// **Repeat-safety:** dropping a subscription ends that one and leaves the others.
pub async fn a_dropped_subscription_leaves_the_others(subject: &Subject) -> Verdict {
    let writer = writer(subject)?;
    let (leaves, mut stays) = (subscribe(subject)?, subscribe(subject)?);
    drop(leaves);
    writer.update_vector(route("after")?, vector(2)).await?;
    next(&mut stays).await?;
    Ok(())
}

/// **Failure leaves behind, May not:** a subscription that is not read does not grow with the
/// changes and delays no writer; the oldest changes were dropped, and the newest one is there.
pub async fn a_full_subscription_is_bounded_and_keeps_the_newest(subject: &Subject) -> Verdict {
    const CHANGES: usize = 20_000;
    let writer = writer(subject)?;
    let mut slow = subscribe(subject)?;
    let flooded = route("flooded")?;
    for index in 0..CHANGES {
        writer.update_vector(flooded.clone(), vector((index % 100) as u8)).await?;
    }
    let last = route("last")?;
    writer.update_vector(last.clone(), vector(7)).await?;
    loop {
        let waiting = slow.len();
        ensure!(waiting < CHANGES, "{waiting} changes wait: the queue has no bound");
        if next(&mut slow).await?.route == last {
            return Ok(());
        }
    }
}

fn subscribe(subject: &Subject) -> Result<Subscription, Finding> {
    subject.provider.subscribe().ok_or(Finding::Skipped("the provider has no feed"))
}

fn writer(subject: &Subject) -> Result<&dyn StateProvider, Finding> {
    match (&subject.peer, subject.provider.capabilities().shared) {
        (Some(peer), true) => Ok(peer.as_ref()),
        (None, true) => Err(Finding::Skipped("the store is shared and the subject has no peer")),
        (_, false) => Ok(subject.provider.as_ref()),
    }
}
