// SPDX-License-Identifier: Apache-2.0
//! [`disconnect`](atrion_state::StateProvider::disconnect) of a durable provider: what is stored
//! survives the process.

use std::time::Duration;

use atrion_state::{PhysicsVector, RouteId, StateProvider};

use super::support::{compare, ensure, route, vector};
use super::{Finding, Subject, Verdict};

/// A store that its provider finds by itself may take so long to be read after `connect`.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// **Meaning:** where [`Capabilities::durable`](atrion_state::Capabilities::durable) is true, what
/// updates and batches accepted before an orderly end is there for the node's next life, aged by
/// the time between. The next life is another provider, opened by the function of
/// [`Subject::opened_by`]: nothing can come from the memory of the first.
pub async fn what_was_stored_is_there_when_the_store_is_opened_again(subject: &Subject) -> Verdict {
    if !subject.provider.capabilities().durable {
        return Err(Finding::Skipped("the provider is not durable"));
    }
    let Some(open) = &subject.open else {
        return Err(Finding::Broken(
            "it says that it is durable, and the suite cannot see it: make the subject with `Subject::opened_by`"
                .into(),
        ));
    };
    let single = [(route("single")?, vector(1).with_age(Duration::from_secs(3)))];
    let batch = [(route("batched")?, vector(2)), (route("replaced")?, vector(3))];
    let first = subject.provider.as_ref();
    first.update_vector(route("replaced")?, vector(9)).await?;
    first.update_vector(single[0].0.clone(), single[0].1).await?;
    for part in batch.chunks(first.capabilities().batch_limit) {
        first.update_batch(part).await?;
    }
    first.disconnect().await?;
    let away = Duration::from_millis(50);
    subject.pass(away).await;

    let second = open();
    second.connect().await?;
    for (route, stored) in single.iter().chain(&batch) {
        let Some(got) = read(second.as_ref(), route).await? else {
            return Err(Finding::Broken(format!(
                "route `{route}` did not survive: it was stored in memory alone"
            )));
        };
        compare(route, stored, &got)?;
        let age = stored.age + away;
        ensure!(
            got.age + Duration::from_millis(5) >= age,
            "route `{route}` is {age:?} old, and says {:?}",
            got.age
        );
    }
    second.disconnect().await?;
    Ok(())
}

/// Asks until the provider has read its store: until then it says that it could not ask.
async fn read(provider: &dyn StateProvider, route: &RouteId) -> Result<Option<PhysicsVector>, Finding> {
    let asked = tokio::time::timeout(READ_WITHIN, async {
        loop {
            match provider.get_vector(route).await {
                Err(why) if why.is_retryable() => tokio::time::sleep(Duration::from_millis(10)).await,
                answer => return answer,
            }
        }
    });
    match asked.await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            Err(Finding::Broken(format!("opened again, the store was not read within {READ_WITHIN:?}")))
        }
    }
}
