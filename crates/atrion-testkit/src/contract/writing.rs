// SPDX-License-Identifier: Apache-2.0
//! [`update_vector`](atrion_state::StateProvider::update_vector): whole, in order, repeatable, and
//! unharmed by hostile input.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Ohms, Wall};
use atrion_state::{DecayRate, MomentumRate, PhysicsVector};

use super::support::{difference, ensure, expect, poll_once, route, vector};
use super::{Finding, Subject, Verdict};

/// **Meaning:** what was accepted is read back through the same handle at once, buffered or not.
pub async fn a_write_is_read_at_once(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("own")?);
    provider.update_vector(route.clone(), vector(1)).await?;
    expect(provider, &route, &vector(1)).await?;
    Ok(())
}

/// **Order:** of two updates the later *call* wins, also when timestamp, age and scar speak for the
/// earlier one.
pub async fn the_later_call_wins(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("later")?);
    let first = vector(9).with_timestamp(Wall::from_millis(u64::from(u32::MAX) * 1_000));
    let second = vector(1).with_timestamp(Wall::from_millis(1)).with_age(Duration::from_secs(9));
    provider.update_vector(route.clone(), first).await?;
    provider.update_vector(route.clone(), second).await?;
    expect(provider, &route, &second).await?;
    Ok(())
}

/// **Repeat-safety:** an update with an unknown result can be repeated.
pub async fn the_same_update_twice_is_the_same_as_once(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("repeated")?);
    for _ in 0..3 {
        provider.update_vector(route.clone(), vector(2)).await?;
        expect(provider, &route, &vector(2)).await?;
    }
    Ok(())
}

/// **Meaning:** names that differ in case, in a character that a store may treat as special, or by
/// a prefix are different routes.
pub async fn routes_do_not_mix(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    let names = [
        "a",
        "A",
        "a/",
        "a ",
        " a",
        "a*",
        "a%",
        "a_",
        "a?",
        "[a]",
        "{a}",
        "a:b",
        "a\\",
        "a'",
        "a\"",
        "ä",
        "a\u{308}",
        "東京",
        "🚀",
        "'; drop table routes; --",
        "${a}",
        "../a",
    ];
    for (index, name) in (0u8..).zip(names) {
        provider.update_vector(route(name)?, vector(index)).await?;
    }
    for (index, name) in (0u8..).zip(names) {
        expect(provider, &route(name)?, &vector(index)).await?;
    }
    Ok(())
}

/// **No panic:** values at the ends of their types, and the longest name, are stored or refused
/// with an error; what comes back is a valid vector, and the provider goes on working.
pub async fn hostile_values_do_no_harm(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    let most = Ohms::saturating(f64::INFINITY);
    let extremes = [
        PhysicsVector::new(Mode::CircuitBreaker, most, most)
            .with_momentum(MomentumRate::saturating(f64::MAX))
            .with_decay_rate(DecayRate::saturating(f64::MAX))
            .with_timestamp(Wall::from_millis(u64::MAX))
            .with_age(Duration::MAX),
        PhysicsVector::new(Mode::Bootstrap, Ohms::ZERO, Ohms::saturating(f64::MIN_POSITIVE / 2.0)),
    ];
    let longest = "🚀".repeat(64);
    for extreme in extremes {
        for name in ["extreme", longest.as_str()] {
            let route = route(name)?;
            if provider.update_vector(route.clone(), extreme).await.is_ok()
                && let Ok(Some(got)) = provider.get_vector(&route).await
            {
                ensure!(got.aged_scar().get().is_finite(), "an invalid scar came back: {got:?}");
            }
        }
    }
    a_write_is_read_at_once(subject).await
}

/// **Safe to call concurrently:** after many writers at once there is one of the vectors, whole.
pub async fn concurrent_updates_leave_one_of_them_whole(subject: &Subject) -> Verdict {
    let contended = route("contended")?;
    let writers: Vec<_> = (0..16u8)
        .map(|seed| {
            let (provider, route) = (Arc::clone(&subject.provider), contended.clone());
            tokio::spawn(async move {
                for _ in 0..8 {
                    provider.update_vector(route.clone(), vector(seed)).await?;
                    provider.get_vector(&route).await?;
                    tokio::task::yield_now().await;
                }
                Ok::<_, Finding>(())
            })
        })
        .collect();
    for writer in writers {
        writer.await.map_err(|died| Finding::Broken(format!("a writer panicked: {died}")))??;
    }
    let got = subject.provider.get_vector(&contended).await?;
    let whole = got.is_some_and(|got| (0..16).any(|seed| difference(&vector(seed), &got).is_none()));
    ensure!(whole, "none of the vectors that were written: {got:?}");
    Ok(())
}

/// **Cancel safety:** futures that are polled once and dropped leave the old or the new vector, and
/// a provider that works.
pub async fn a_dropped_update_does_no_harm(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("dropped")?);
    provider.update_vector(route.clone(), vector(1)).await?;
    for _ in 0..20 {
        poll_once(provider.update_vector(route.clone(), vector(2)));
        poll_once(provider.get_vector(&route));
        poll_once(provider.update_batch(&[(route.clone(), vector(2))]));
    }
    let got = provider.get_vector(&route).await?;
    let whole =
        got.is_some_and(|got| [1, 2].into_iter().any(|seed| difference(&vector(seed), &got).is_none()));
    ensure!(whole, "neither the old nor the new vector: {got:?}");
    provider.update_vector(route.clone(), vector(3)).await?;
    expect(provider, &route, &vector(3)).await?;
    Ok(())
}
