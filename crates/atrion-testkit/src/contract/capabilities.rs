// SPDX-License-Identifier: Apache-2.0
//! [`capabilities`](atrion_state::StateProvider::capabilities): constant, and true.

use super::support::ensure;
use super::{Subject, Verdict};

/// **Meaning:** they do not change with the connection, have a name of `a-z 0-9 _ -` and a batch
/// length of at least 1, and `subscribes` is what `subscribe` does.
pub async fn capabilities_are_constant_and_true(subject: &Subject) -> Verdict {
    let provider = &subject.provider;
    let connected = provider.capabilities();
    let name = connected.name;
    let printable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    ensure!(!name.is_empty() && name.chars().all(printable), "the name {name:?} is not a-z 0-9 _ -");
    ensure!(connected.batch_limit >= 1, "no batch has a length of 0");
    let feed = provider.subscribe().is_some();
    ensure!(connected.subscribes == feed, "subscribes is {}, a feed is {feed}", connected.subscribes);
    provider.disconnect().await?;
    let disconnected = provider.capabilities();
    ensure!(connected == disconnected, "connected {connected:?}, disconnected {disconnected:?}");
    Ok(())
}
