// SPDX-License-Identifier: Apache-2.0
//! Processor time against its quota, and how often the quota has stopped the process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atrion_core::Mono;
use atrion_state::Clock;

use super::cgroup::{Cgroup, Version};
use super::{Host, Meter, field, invalid, number, unlimited};

/// The tightest quota that the process has.
struct Quota {
    version: Version,
    directory: PathBuf,
    /// Where version 1 counts the time, which is a controller of its own.
    account: PathBuf,
}

impl Quota {
    fn find(host: &Host) -> io::Result<Self> {
        let cgroup = Cgroup::find(host, "cpu")?;
        let accounts = match cgroup.version {
            Version::V1 => Cgroup::find(host, "cpuacct")?.directories,
            Version::V2 => cgroup.directories.clone(),
        };
        let (version, pairs) = (cgroup.version, cgroup.directories.into_iter().zip(accounts));
        let quotas = pairs.filter_map(|(directory, account)| {
            let quota = Self { version, directory, account };
            Some((quota.processors(host).ok()?, quota))
        });
        let tightest = quotas.min_by(|(one, _), (other, _)| one.total_cmp(other));
        let none = || unlimited("no cgroup of this process has a quota of processor time");
        tightest.map(|(_, quota)| quota).ok_or_else(none)
    }

    /// How many processors the quota is worth.
    fn processors(&self, host: &Host) -> io::Result<f64> {
        let read = |name: &str| host.read(self.directory.join(name));
        let (quota, period) = match self.version {
            // No quota is written as -1, which is no number here.
            Version::V1 => (number(&read("cpu.cfs_quota_us")?)?, number(&read("cpu.cfs_period_us")?)?),
            Version::V2 => {
                let text = read("cpu.max")?;
                let (quota, period) = text.trim().split_once(' ').ok_or_else(|| invalid("no `cpu.max`"))?;
                (number(quota)?, number(period)?)
            }
        };
        if quota == 0 || period == 0 {
            return Err(invalid("a quota of nothing"));
        }
        Ok(quota as f64 / period as f64)
    }

    /// Processor time used so far, in seconds.
    fn used(&self, host: &Host) -> io::Result<f64> {
        match self.version {
            Version::V1 => Ok(number(&host.read(self.account.join("cpuacct.usage"))?)? as f64 * 1e-9),
            Version::V2 => Ok(field(&self.stat(host, &self.account)?, "usage_usec")? as f64 * 1e-6),
        }
    }

    /// Periods so far, and those of them that were throttled.
    fn periods(&self, host: &Host) -> io::Result<(u64, u64)> {
        let stat = self.stat(host, &self.directory)?;
        Ok((field(&stat, "nr_periods")?, field(&stat, "nr_throttled")?))
    }

    fn stat(&self, host: &Host, directory: &Path) -> io::Result<String> {
        host.read(directory.join("cpu.stat"))
    }
}

/// Too little time to say anything of.
const BLINK: f64 = 0.01;

/// Used time over what the quota gave since the last look.
pub(super) fn usage(host: &Host, clock: &Arc<dyn Clock>) -> io::Result<Meter> {
    let (host, clock, quota) = (host.clone(), Arc::clone(clock), Quota::find(host)?);
    let mut last = (clock.now(), quota.used(&host)?);
    let mut part = 0.0;
    let mut look = move || -> io::Result<f64> {
        let (now, used) = (clock.now(), quota.used(&host)?);
        let seconds = now.seconds_since(last.0);
        if seconds >= BLINK {
            part = (used - last.1).max(0.0) / (seconds * quota.processors(&host)?);
            last = (now, used);
        }
        Ok(part)
    };
    Ok(Box::new(move || look().unwrap_or(f64::NAN)))
}

/// How long the share of throttled periods is remembered, in seconds. A period is as long as a
/// pulse, so of a single look it is nothing or all.
const MEMORY: f64 = 1.0;

/// The share of periods that were throttled, of about the last second.
pub(super) fn throttling(host: &Host, clock: &Arc<dyn Clock>) -> io::Result<Meter> {
    let (host, clock, quota) = (host.clone(), Arc::clone(clock), Quota::find(host)?);
    let mut last: (Mono, (u64, u64)) = (clock.now(), quota.periods(&host)?);
    let mut share = 0.0;
    let mut look = move || -> io::Result<f64> {
        let (now, (periods, throttled)) = (clock.now(), quota.periods(&host)?);
        let (before, (periods_before, throttled_before)) = last;
        last = (now, (periods, throttled));
        let passed = periods.saturating_sub(periods_before);
        // No period has begun where nothing ran.
        let latest =
            if passed == 0 { 0.0 } else { throttled.saturating_sub(throttled_before) as f64 / passed as f64 };
        share += (latest - share) * (1.0 - (-now.seconds_since(before) / MEMORY).exp());
        Ok(share)
    };
    Ok(Box::new(move || look().unwrap_or(f64::NAN)))
}
