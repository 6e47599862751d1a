// SPDX-License-Identifier: Apache-2.0
//! Open files against how many the process may have.

use std::io;

use super::{Host, Meter, invalid};

pub(super) fn meter(host: &Host) -> io::Result<Meter> {
    let host = host.clone();
    let read = move || -> io::Result<f64> {
        let limits = host.read("/proc/self/limits")?;
        let soft =
            limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
        let most: u64 =
            soft.and_then(|soft| soft.parse().ok()).ok_or_else(|| invalid("no limit of open files"))?;
        let open = std::fs::read_dir(host.at("/proc/self/fd"))?.count();
        Ok(open as f64 / most.max(1) as f64)
    };
    read()?;
    Ok(Box::new(move || read().unwrap_or(f64::NAN)))
}
