// SPDX-License-Identifier: Apache-2.0
//! tower-resilience-circuitbreaker: a circuit breaker as tower middleware.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll};

use tower::{Layer, Service, ServiceExt};
use tower_resilience_circuitbreaker::{CircuitBreaker, CircuitBreakerLayer, DefaultClassifier};

use crate::contender::{Contender, Session};

/// The breaker around a service that is always ready and always succeeds; clones share its state.
pub struct TowerResilience(CircuitBreaker<Echo, DefaultClassifier>);

impl TowerResilience {
    /// The layer of the crate's first example: half of a hundred calls.
    pub fn new() -> Self {
        let layer = CircuitBreakerLayer::builder()
            .failure_rate_threshold(0.5)
            .sliding_window_size(100)
            .build()
            .expect("the configuration of the crate's own example");
        Self(layer.layer(Echo))
    }
}

impl Default for TowerResilience {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for TowerResilience {
    fn name(&self) -> &'static str {
        "tower-resilience"
    }

    fn operation(&self) -> &'static str {
        "`ready` and `call` around a service that answers at once"
    }

    fn clock_reads(&self) -> &'static str {
        "two"
    }

    fn session(&self) -> Session<'_> {
        let runtime = super::runtime();
        let mut service = self.0.clone();
        Box::new(move |operations| {
            let _entered = runtime.enter();
            super::drive(async {
                let mut admitted = 0;
                for n in 0..operations {
                    let answer = match service.ready().await {
                        Ok(ready) => ready.call(n).await,
                        Err(error) => Err(error),
                    };
                    admitted += u64::from(answer.is_ok());
                }
                admitted
            })
        })
    }
}

/// A service without cost. It has a name, because the breaker's type names its inner service.
#[derive(Clone)]
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(black_box(request)))
    }
}
