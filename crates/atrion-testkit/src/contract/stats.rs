// SPDX-License-Identifier: Apache-2.0
//! [`stats`](atrion_state::StateProvider::stats): plain data for gauges, at any time, without
//! asking the store.

use std::collections::BTreeSet;

use atrion_state::{MessageCount, ProviderStats};

use super::support::{ensure, route, vector};
use super::{Subject, Verdict};

/// **Meaning:** `stats` answers connected or not, and says up where the store works.
pub async fn stats_answer_at_any_time(subject: &Subject) -> Verdict {
    let provider = &subject.provider;
    let _ = provider.stats();
    provider.disconnect().await?;
    let _ = provider.stats();
    provider.connect().await?;
    for ProviderStats { provider: name, health, .. } in provider.stats() {
        ensure!(health.is_up(), "connected to a store that works, and `{name}` is {health:?}");
    }
    Ok(())
}

/// **Order:** each store comes once, in the same place, with a name of `a-z 0-9 . _ -`, and each
/// kind of message once.
pub async fn the_same_stores_come_in_the_same_order(subject: &Subject) -> Verdict {
    let printable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    let names = || subject.provider.stats().iter().map(|stats| stats.provider).collect::<Vec<_>>();
    let before = names();
    subject.provider.update_vector(route("counted")?, vector(1)).await?;
    ensure!(before == names(), "first {before:?}, then {:?}", names());
    for stats in subject.provider.stats() {
        let name = stats.provider;
        ensure!(!name.is_empty() && name.chars().all(printable), "the name {name:?} is not a-z 0-9 . _ -");
        ensure!(before.iter().filter(|other| **other == name).count() == 1, "`{name}` comes twice");
        let kinds: BTreeSet<_> = stats.messages.iter().map(kind).collect();
        ensure!(kinds.len() == stats.messages.len(), "a kind of message comes twice: {:?}", stats.messages);
    }
    Ok(())
}

/// **Repeat-safety:** no count becomes less: not by work, not by reading, not by a new connection.
pub async fn counts_never_go_back(subject: &Subject) -> Verdict {
    let provider = &subject.provider;
    let mut before = provider.stats();
    for step in 0..4_u8 {
        match step {
            0 => provider.update_vector(route("counted")?, vector(2)).await?,
            1 => drop(provider.get_vector(&route("counted")?).await?),
            2 => provider.disconnect().await?,
            _ => provider.connect().await?,
        }
        let after = provider.stats();
        for counted in before.iter().flat_map(|stats| stats.messages.iter().map(move |c| (stats.provider, c)))
        {
            let now = count(&after, counted.0, kind(counted.1));
            ensure!(now >= counted.1.count, "of `{}` {:?} became {now}", counted.0, counted.1);
        }
        before = after;
    }
    Ok(())
}

fn kind(counted: &MessageCount) -> (&'static str, &'static str, Option<&'static str>) {
    (counted.direction.name(), counted.result.name(), counted.reason)
}

fn count(stats: &[ProviderStats], provider: &str, wanted: (&str, &str, Option<&str>)) -> u64 {
    let of = stats.iter().filter(|stats| stats.provider == provider).flat_map(|stats| &stats.messages);
    of.filter(|counted| kind(counted) == wanted).map(|counted| counted.count).sum()
}
