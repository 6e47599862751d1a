// SPDX-License-Identifier: Apache-2.0
//! [`update_batch`](atrion_state::StateProvider::update_batch): many updates, no other meaning.

use super::support::{expect, route, vector};
use super::{Subject, Verdict};

/// **Meaning:** what a batch stores is what its updates would have stored one by one.
pub async fn a_batch_equals_its_single_updates(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    let mut batch = Vec::new();
    for seed in 0..20u8 {
        batch.push((route(&format!("batch-{seed}"))?, vector(seed)));
    }
    // One of them exists already and is replaced.
    provider.update_vector(route("batch-7")?, vector(99)).await?;
    for part in batch.chunks(provider.capabilities().batch_limit) {
        provider.update_batch(part).await?;
    }
    for (route, stored) in &batch {
        expect(provider, route, stored).await?;
    }
    Ok(())
}

/// **Order:** a route that appears twice has the later vector.
pub async fn the_later_entry_of_a_route_wins(subject: &Subject) -> Verdict {
    let (provider, twice) = (subject.provider.as_ref(), route("twice-in-a-batch")?);
    let batch = [(twice.clone(), vector(9)), (route("between")?, vector(5)), (twice.clone(), vector(1))];
    for part in batch.chunks(provider.capabilities().batch_limit) {
        provider.update_batch(part).await?;
    }
    expect(provider, &twice, &vector(1)).await?;
    Ok(())
}

/// **Meaning:** an empty batch does nothing and is no error.
pub async fn an_empty_batch_does_nothing(subject: &Subject) -> Verdict {
    let (provider, route) = (subject.provider.as_ref(), route("untouched")?);
    provider.update_vector(route.clone(), vector(4)).await?;
    provider.update_batch(&[]).await?;
    expect(provider, &route, &vector(4)).await?;
    Ok(())
}

/// **May not:** be longer than [`batch_limit`](atrion_state::Capabilities::batch_limit), and that
/// length is taken.
pub async fn a_batch_of_the_longest_length_is_taken(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    // No store is asked for more than an engine has routes by default.
    let length = provider.capabilities().batch_limit.min(10_000);
    let mut batch = Vec::new();
    for index in 0..length {
        batch.push((route(&format!("long-{index}"))?, vector((index % 200) as u8)));
    }
    provider.update_batch(&batch).await?;
    for (route, stored) in batch.iter().step_by((length / 50).max(1)).chain(batch.last()) {
        expect(provider, route, stored).await?;
    }
    Ok(())
}
