// SPDX-License-Identifier: Apache-2.0
//! [`connect`](atrion_state::StateProvider::connect) and
//! [`disconnect`](atrion_state::StateProvider::disconnect): repeatable, orderly, never a dead end.

use std::time::Duration;

use super::support::{answers_or_refuses, ensure, expect, route, vector};
use super::{Finding, Subject, Verdict};

/// **Repeat-safety:** a second `connect` changes nothing.
pub async fn connecting_twice_is_connecting_once(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("twice")?);
    provider.update_vector(route.clone(), vector(1)).await?;
    provider.connect().await?;
    expect(provider.as_ref(), &route, &vector(1)).await?;
    Ok(())
}

/// **Meaning:** an orderly end loses nothing that was accepted, and time goes on between
/// `disconnect` and the next `connect` of the same provider.
pub async fn what_was_stored_is_there_after_a_reconnect(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("reconnect")?);
    provider.update_vector(route.clone(), vector(2)).await?;
    provider.disconnect().await?;
    let away = Duration::from_millis(50);
    subject.pass(away).await;
    provider.connect().await?;
    let got = expect(provider.as_ref(), &route, &vector(2)).await?;
    ensure!(got.age + Duration::from_millis(5) >= away, "away for {away:?}, and the age is {:?}", got.age);
    Ok(())
}

/// **Repeat-safety:** a second `disconnect` changes nothing.
pub async fn disconnecting_twice_is_disconnecting_once(subject: &Subject) -> Verdict {
    subject.provider.disconnect().await?;
    subject.provider.disconnect().await?;
    subject.provider.connect().await?;
    subject.provider.get_vector(&route("again")?).await?;
    Ok(())
}

/// **Repeat-safety:** `disconnect` on a provider that is not connected is no error.
pub async fn disconnecting_without_a_connection_does_nothing(subject: &Subject) -> Verdict {
    // The suite connected it; from here on it is a provider without a connection.
    subject.provider.disconnect().await?;
    subject.provider.disconnect().await?;
    Ok(())
}

/// **Every method, after `disconnect` as well:** it answers what it can or says `disconnected`. It
/// does not hang and does not panic.
pub async fn a_disconnected_provider_answers_or_refuses(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("away")?);
    provider.disconnect().await?;
    answers_or_refuses(provider.get_vector(&route).await)?;
    answers_or_refuses(provider.update_vector(route.clone(), vector(3)).await)?;
    answers_or_refuses(provider.update_batch(&[(route.clone(), vector(4))]).await)?;
    let _ = (provider.view(&route), provider.subscribe(), provider.health());
    Ok(())
}

/// **Meaning:** a subscription made through a handle ends when the handle disconnects, so that no
/// task waits for ever.
pub async fn subscriptions_end_with_the_connection(subject: &Subject) -> Verdict {
    let Some(mut subscription) = subject.provider.subscribe() else {
        return Err(Finding::Skipped("the provider has no feed"));
    };
    subject.provider.disconnect().await?;
    let drained = async { while subscription.recv().await.is_some() {} };
    let ended = tokio::time::timeout(Duration::from_secs(5), drained).await.is_ok();
    ensure!(ended, "the subscription goes on without a connection");
    Ok(())
}
