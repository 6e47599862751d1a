// SPDX-License-Identifier: Apache-2.0
//! A real cgroup with a limit of memory and a quota of processor time, and a process in it that looks
//! at itself. Needs the rights to make one; where they are missing the test says so and does nothing.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atrion_state::{Clock, SystemClock};

use super::super::{Host, Resource, meter};

const MEMORY: usize = 256 << 20;
/// Of the limit.
const TAKEN: usize = MEMORY / 2;
const INSIDE: &str = "ATRION_TEST_CGROUPS";
const PATIENCE: Duration = Duration::from_secs(60);

/// The directories of one cgroup, one for each hierarchy. Removed when dropped, once nothing is in
/// them.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        for directory in &self.0 {
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Made {
    /// With a tenth of a processor.
    fn new() -> io::Result<Self> {
        let name = format!("atrion-test-{}", std::process::id());
        let root = PathBuf::from("/sys/fs/cgroup");
        let mut made = Self(Vec::new());
        let mut make = |directory: PathBuf, files: &[(&str, String)]| {
            fs::create_dir(&directory)?;
            made.0.push(directory.clone());
            files.iter().try_for_each(|(file, text)| fs::write(directory.join(file), text))
        };
        if root.join("cgroup.controllers").exists() {
            fs::write(root.join("cgroup.subtree_control"), "+memory +cpu")?;
            let files = [("memory.max", MEMORY.to_string()), ("cpu.max", "10000 100000".to_owned())];
            make(root.join(&name), &files)?;
        } else {
            let quota =
                [("cpu.cfs_period_us", "100000".to_owned()), ("cpu.cfs_quota_us", "10000".to_owned())];
            make(root.join("memory").join(&name), &[("memory.limit_in_bytes", MEMORY.to_string())])?;
            make(root.join("cpu").join(&name), &quota)?;
            // Often the same directory under another name.
            if !root.join("cpuacct").join(&name).exists() {
                make(root.join("cpuacct").join(&name), &[])?;
            }
        }
        Ok(made)
    }
}

#[test]
fn a_process_in_a_real_cgroup_sees_its_parts() {
    if let Some(directories) = std::env::var_os(INSIDE) {
        inside(std::env::split_paths(&directories));
        return;
    }
    let made = match Made::new() {
        Ok(made) => made,
        Err(why) => {
            eprintln!("SKIPPED, not tested in a real cgroup: none can be made here: {why}");
            return;
        }
    };
    // This test once more, alone in a process of its own.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "resource::tests::real::a_process_in_a_real_cgroup_sees_its_parts"])
        .env(INSIDE, std::env::join_paths(&made.0).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("of its limit"), "{said}");
    println!("{said}");
}

fn inside(directories: impl Iterator<Item = PathBuf>) {
    for directory in directories {
        fs::write(directory.join("cgroup.procs"), std::process::id().to_string()).unwrap();
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let meter = |resource| meter(resource, &Host::here(), &clock).unwrap();
    let (mut memory, mut cpu, mut throttling) =
        (meter(Resource::Memory), meter(Resource::Cpu), meter(Resource::Throttling));
    let before = memory();
    let taken = vec![1_u8; TAKEN];
    let after = memory();
    assert!(before < 0.3 && (0.5..1.0).contains(&after), "{before} and then {after}");
    // Everything that it may have, and more: how long that takes depends on what else runs here.
    let (began, mut sum) = (Instant::now(), 0_u64);
    let (used, stopped) = loop {
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            sum =
                std::hint::black_box(&taken).iter().take(4_096).fold(sum, |sum, byte| sum + u64::from(*byte));
        }
        let (used, stopped) = (cpu(), throttling());
        if (used > 0.5 && stopped > 0.2) || began.elapsed() > PATIENCE {
            break (used, stopped);
        }
    };
    println!("{after:.2} of its limit, {used:.2} of its quota, stopped in {stopped:.2} of its periods");
    assert!((0.5..2.0).contains(&used) && (0.2..=1.0).contains(&stopped), "{used}, {stopped}");
    assert!(std::hint::black_box(sum) > 0);
}
