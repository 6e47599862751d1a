// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Calls of a store, bounded in time.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

/// The error of a store, which can be that no answer came in time.
pub(crate) trait Bounded: Sized {
    fn no_answer(after: Duration) -> Self;

    /// The result of a call, or that there was none in time.
    async fn within<T, E: Into<Self>>(
        span: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Self> {
        timeout(span, call).await.map_or(Err(Self::no_answer(span)), |result| result.map_err(Into::into))
    }
}
