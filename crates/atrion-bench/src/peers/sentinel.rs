// SPDX-License-Identifier: Apache-2.0
//! sentinel-core: a chain of slots (statistics, flow, isolation, breaker) per named resource.

use std::sync::Arc;

use sentinel_core::EntryBuilder;
use sentinel_core::base::TrafficType;
use sentinel_core::circuitbreaker::{self, BreakerStrategy, Rule};

use crate::contender::{Contender, Session};

/// The global slot chain with one circuit breaking rule.
pub struct Sentinel {
    resource: String,
}

impl Sentinel {
    /// Half of at least ten calls of a second, in ten buckets, as in sentinel's examples.
    pub fn new() -> Self {
        let resource = String::from("api/checkout");
        circuitbreaker::load_rules(vec![Arc::new(Rule {
            resource: resource.clone(),
            strategy: BreakerStrategy::ErrorRatio,
            threshold: 0.5,
            min_request_amount: 10,
            retry_timeout_ms: 3_000,
            stat_interval_ms: 1_000,
            stat_sliding_window_bucket_count: 10,
            ..Rule::default()
        })]);
        Self { resource }
    }
}

impl Default for Sentinel {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for Sentinel {
    fn name(&self) -> &'static str {
        "sentinel-core"
    }

    fn operation(&self) -> &'static str {
        "`EntryBuilder::build` and `exit` of an inbound resource with one breaker rule"
    }

    fn clock_reads(&self) -> &'static str {
        "several"
    }

    fn session(&self) -> Session<'_> {
        Box::new(|operations| {
            let mut admitted = 0;
            for _ in 0..operations {
                // The builder takes its name by value, so the clone is part of its way of use.
                let entry =
                    EntryBuilder::new(self.resource.clone()).with_traffic_type(TrafficType::Inbound).build();
                if let Ok(entry) = entry {
                    entry.exit();
                    admitted += 1;
                }
            }
            admitted
        })
    }
}
