// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A bound on how often a person may do something: ten at once, then five a second. That is more
//! than a person does, and less than guessing a token needs.

use std::sync::Mutex;

use atrion_state::lock;
use tokio::time::Instant;

/// A token bucket: what is left, and as of when.
#[derive(Debug)]
pub(crate) struct Bucket(Mutex<(f64, Instant)>);

/// There is no room in a [`Bucket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFast;

const BURST: f64 = 10.0;
const PER_SECOND: f64 = 5.0;

impl Bucket {
    pub(crate) fn full() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }

    pub(crate) fn take(&self) -> Result<(), TooFast> {
        let mut bucket = lock(&self.0);
        let (left, at) = *bucket;
        let left = (left + at.elapsed().as_secs_f64() * PER_SECOND).min(BURST);
        let is_enough = left >= 1.0;
        // A refused request costs nothing: otherwise a client that asks too often would be refused
        // for ever.
        *bucket = (if is_enough { left - 1.0 } else { left }, Instant::now());
        if is_enough { Ok(()) } else { Err(TooFast) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_changes_things_faster_than_a_person() {
        let bucket = Bucket::full();
        assert_eq!((0..100).filter(|_| bucket.take().is_ok()).count(), 10);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..100).filter(|_| bucket.take().is_ok()).count(), 5);
        // A client that does not wait gets as much in a second as one that does, and no more.
        let mut passed = 0;
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(10)).await;
            passed += usize::from(bucket.take().is_ok());
        }
        assert!((4..=5).contains(&passed), "{passed}");
    }
}
