// SPDX-License-Identifier: Apache-2.0
//! [`get_vector`](atrion_state::StateProvider::get_vector) and
//! [`warm_start`](atrion_state::StateProvider::warm_start): the node's own vectors, as stored,
//! aged.

use std::time::Duration;

use atrion_core::{Mode, Ohms};
use atrion_state::{DecayRate, PhysicsVector, Weight};

use super::support::{compare, ensure, expect, peer_vector, route, vector};
use super::{Finding, Subject, Time, Verdict};

/// **Meaning:** a route that was never stored gives `None`.
pub async fn a_cold_start_gives_none(subject: &Subject) -> Verdict {
    let found = subject.provider.get_vector(&route("never-stored")?).await?;
    ensure!(found.is_none(), "a route that was never stored has {found:?}");
    Ok(())
}

/// **No physics:** every field comes back, for each mode and at both ends of the ranges; the scar
/// to the bit.
pub async fn a_vector_comes_back_as_it_was_stored(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    for (index, mode) in Mode::ALL.into_iter().enumerate() {
        let route = route(&format!("mode-{index}"))?;
        let mut stored = vector(5);
        stored.mode = mode;
        provider.update_vector(route.clone(), stored).await?;
        expect(provider, &route, &stored).await?;
    }
    for (name, scar, rate, weight) in [
        ("least", 0.0, 0.0, Weight::NONE),
        ("odd", 0.1 + 0.2, 1.0 / 3.0, Weight::from_255ths(1)),
        ("most", 500.0, 10.0, Weight::FULL),
    ] {
        let route = route(name)?;
        let stored = PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0), Ohms::saturating(scar))
            .with_decay_rate(DecayRate::saturating(rate))
            .with_weight(weight);
        provider.update_vector(route.clone(), stored).await?;
        expect(provider, &route, &stored).await?;
    }
    Ok(())
}

/// **No physics:** the age grows by the time that passed for the store, and the scar is given back
/// as it was.
pub async fn age_grows_and_nothing_else_changes(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("ageing")?);
    provider.update_vector(route.clone(), vector(6)).await?;
    let first = expect(provider, &route, &vector(6)).await?;
    let span = Duration::from_millis(200);
    subject.pass(span).await;
    let second = expect(provider, &route, &vector(6)).await?;
    let grown = second.age.saturating_sub(first.age);
    // On a real clock a busy machine adds time; nothing may be missing.
    let most = if matches!(subject.time, Time::Fake(_)) { span } else { Duration::from_secs(20) };
    let slack = Duration::from_millis(5);
    ensure!(grown + slack >= span && grown <= most + slack, "{span:?} passed, and the age grew by {grown:?}");
    Ok(())
}

/// **Meaning:** a vector that is old when it is stored is at least as old when it is read: ages add
/// up over stores.
pub async fn an_age_that_was_given_is_carried(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("carried")?);
    let stored = vector(7).with_age(Duration::from_millis(12_345));
    provider.update_vector(route.clone(), stored).await?;
    let got = expect(provider, &route, &stored).await?;
    ensure!(got.age < Duration::from_secs(42), "the age jumped from {:?} to {:?}", stored.age, got.age);
    Ok(())
}

/// **Repeat-safety:** reading twice gives the same.
pub async fn reading_changes_nothing(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("read-often")?);
    provider.update_vector(route.clone(), vector(8)).await?;
    let first = expect(provider, &route, &vector(8)).await?;
    for _ in 0..10 {
        let again = expect(provider, &route, &vector(8)).await?;
        ensure!(again.age + Duration::from_millis(1) >= first.age, "reading made it younger");
    }
    Ok(())
}

/// **Meaning, Order, May not:** a provider that can list its routes gives each of its own once, as
/// `get_vector` does, and none of another node's. A provider that cannot list gives none.
pub async fn a_warm_start_lists_each_own_route_once_or_none(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    let mut own = Vec::new();
    for seed in 0..3u8 {
        let (route, vector) = (route(&format!("warm-{seed}"))?, vector(seed));
        provider.update_vector(route.clone(), vector).await?;
        own.push((route, vector));
    }
    peer_vector(subject, &route("theirs")?).await?;
    let listed = provider.warm_start().await?;
    if listed.is_empty() {
        return Err(Finding::Skipped("the provider cannot list its routes"));
    }
    for (route, got) in &listed {
        let Some((_, stored)) = own.iter().find(|(own, _)| own == route) else {
            return Err(Finding::Broken(format!(
                "the warm start lists `{route}`, which this node never stored"
            )));
        };
        compare(route, stored, got)?;
    }
    for (route, _) in &own {
        let times = listed.iter().filter(|(listed, _)| listed == route).count();
        ensure!(times == 1, "the warm start lists `{route}` {times} times");
    }
    Ok(())
}
