// SPDX-License-Identifier: Apache-2.0
//! Memory against its limits: what is used without the pages of files that nobody has looked at of
//! late, which the kernel takes back before anything else. That is what an orchestrator evicts by.

use std::io;
use std::path::Path;

use super::cgroup::{Cgroup, Version};
use super::{Host, Meter, field, number, unlimited};

/// Version 1 writes "no limit" as a number of this size.
const NONE: u64 = 1 << 60;

pub(super) fn meter(host: &Host) -> io::Result<Meter> {
    let (host, cgroup) = (host.clone(), Cgroup::find(host, "memory")?);
    let read = move || {
        let parts = cgroup.directories.iter().filter_map(|directory| used(&host, cgroup.version, directory));
        parts.reduce(f64::max)
    };
    // Limits may come and go: asked again and again.
    read().ok_or_else(|| unlimited("no cgroup of this process has a limit of memory"))?;
    Ok(Box::new(move || read().unwrap_or(f64::NAN)))
}

/// The used part of one cgroup's limit; `None` without one.
fn used(host: &Host, version: Version, directory: &Path) -> Option<f64> {
    let (limit, usage, reclaimable) = match version {
        Version::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        Version::V2 => ("memory.max", "memory.current", "inactive_file"),
    };
    let read = |name| host.read(directory.join(name)).ok();
    let limit = number(&read(limit)?).ok().filter(|limit| (1..NONE).contains(limit))?;
    let usage = number(&read(usage)?).ok()?;
    let reclaimable = read("memory.stat").and_then(|stat| field(&stat, reclaimable).ok()).unwrap_or(0);
    Some(usage.saturating_sub(reclaimable) as f64 / limit as f64)
}
