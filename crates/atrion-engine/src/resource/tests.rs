// SPDX-License-Identifier: Apache-2.0
//! Meters on recorded files of the kernel, and on the real ones as far as there are any.
#![allow(clippy::unwrap_used)] // helpers speak as tests do

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Wall};
use atrion_state::{Clock, FakeClock};

use super::{Host, Meter, Resource, meter};
use crate::{Config, Engine};

#[cfg(target_os = "linux")]
mod real;

/// A pod with two processors and 512 MiB on a host with cgroups 2, seen from its container.
const POD_V2: &[(&str, &str)] = &[
    ("proc/self/cgroup", "0::/\n"),
    (
        "proc/self/mountinfo",
        "1037 1031 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n",
    ),
    ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n"),
    ("sys/fs/cgroup/memory.max", "536870912\n"),
    ("sys/fs/cgroup/memory.current", "402653184\n"),
    (
        "sys/fs/cgroup/memory.stat",
        "anon 260046848\nfile 134217728\nactive_file 8388608\ninactive_file 134217728\n",
    ),
    ("sys/fs/cgroup/cpu.max", "200000 100000\n"),
    (
        "sys/fs/cgroup/cpu.stat",
        "usage_usec 5000000\nuser_usec 4000000\nsystem_usec 1000000\nnr_periods 100\nnr_throttled 10\nthrottled_usec 90000\n",
    ),
];

/// A service of systemd: no limit of its own, its slice has one.
const SLICE_V2: &[(&str, &str)] = &[
    ("proc/self/cgroup", "0::/web.slice/app.service\n"),
    ("proc/self/mountinfo", "35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"),
    ("sys/fs/cgroup/web.slice/memory.max", "1073741824\n"),
    ("sys/fs/cgroup/web.slice/memory.current", "966367641\n"),
    ("sys/fs/cgroup/web.slice/memory.stat", "inactive_file 0\n"),
    ("sys/fs/cgroup/web.slice/app.service/memory.max", "max\n"),
    ("sys/fs/cgroup/web.slice/app.service/memory.current", "1048576\n"),
    ("sys/fs/cgroup/web.slice/app.service/cpu.max", "max 100000\n"),
];

/// A container on a host with cgroups 1: the path is the host's, what is mounted is the cgroup.
const DOCKER_V1: &[(&str, &str)] = &[
    (
        "proc/self/cgroup",
        "9:memory:/docker/4f2c\n4:cpu,cpuacct:/docker/4f2c\n1:name=systemd:/docker/4f2c\n0::/\n",
    ),
    (
        "proc/self/mountinfo",
        "812 806 0:29 /docker/4f2c /sys/fs/cgroup/memory ro,nosuid master:16 - cgroup cgroup rw,memory\n\
         811 806 0:27 /docker/4f2c /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:14 - cgroup cgroup rw,cpu,cpuacct\n",
    ),
    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"),
    ("sys/fs/cgroup/memory/memory.usage_in_bytes", "201326592\n"),
    ("sys/fs/cgroup/memory/memory.stat", "cache 67108864\ninactive_file 1\ntotal_inactive_file 67108864\n"),
    ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
    ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
    ("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 8\nnr_throttled 2\nthrottled_time 70000000\n"),
    ("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1000000000\n"),
];

/// A bare host with cgroups 1 and no limits.
const BARE_V1: &[(&str, &str)] = &[
    ("proc/self/cgroup", "4:memory:/\n2:cpuacct:/\n1:cpu:/\n0::/\n"),
    (
        "proc/self/mountinfo",
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
         33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n\
         35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n",
    ),
    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
    ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n"),
    ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
    ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
];

struct Recorded {
    host: Host,
    clock: FakeClock,
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.host.0);
    }
}

impl Recorded {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("atrion-resource-{}-{name}", std::process::id()));
        let recorded = Self { host: Host(root), clock: FakeClock::at(Mono::ZERO, Wall::from_millis(0)) };
        files.iter().for_each(|(path, text)| recorded.write(path, text));
        recorded
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.host.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn meter(&self, resource: Resource) -> std::io::Result<Meter> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        meter(resource, &self.host, &clock)
    }

    fn refuses(&self, resource: Resource, words: &str) {
        let why = self.meter(resource).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(why.contains(words), "{resource}: {why:?}");
    }
}

fn is(reading: f64, expected: f64) {
    assert!((reading - expected).abs() < 1e-9, "{reading} and not {expected}");
}

#[test]
fn memory_is_what_the_kernel_cannot_take_back_over_the_tightest_limit() {
    let pod = Recorded::new("pod", POD_V2);
    let mut read = pod.meter(Resource::Memory).unwrap();
    is(read(), 0.5);
    pod.write("sys/fs/cgroup/memory.current", "671088640\n");
    is(read(), 1.0);
    pod.write("sys/fs/cgroup/memory.max", "max\n");
    assert!(read().is_nan(), "a limit that is gone is not known");

    let (slice, docker) = (Recorded::new("slice", SLICE_V2), Recorded::new("docker", DOCKER_V1));
    assert!((slice.meter(Resource::Memory).unwrap()() - 0.9).abs() < 1e-6);
    is(docker.meter(Resource::Memory).unwrap()(), 0.5);
}

#[test]
fn without_a_limit_there_is_nothing_to_measure_and_it_is_said() {
    for (name, files) in [("bare", BARE_V1), ("slice-cpu", SLICE_V2)] {
        let host = Recorded::new(name, files);
        host.refuses(Resource::Cpu, "no cgroup of this process has a quota");
        host.refuses(Resource::Throttling, "no cgroup of this process has a quota");
    }
    Recorded::new("bare-memory", BARE_V1).refuses(Resource::Memory, "has a limit of memory");
    let nothing = Recorded::new("nothing", &[("proc/self/cgroup", ""), ("proc/self/mountinfo", "")]);
    nothing.refuses(Resource::Memory, "no cgroup has the controller `memory`");
    nothing.refuses(Resource::OpenFiles, "");
}

#[test]
fn processor_time_is_what_was_used_of_the_quota_since_the_last_look() {
    let pod = Recorded::new("pod-cpu", POD_V2);
    let mut read = pod.meter(Resource::Cpu).unwrap();
    is(read(), 0.0);
    pod.clock.advance(Duration::from_millis(100));
    pod.write("sys/fs/cgroup/cpu.stat", "usage_usec 5150000\nnr_periods 101\nnr_throttled 10\n");
    is(read(), 0.75);
    is(read(), 0.75); // nothing can be said of no time
    pod.write("sys/fs/cgroup/cpu.stat", "garbage\n");
    assert!(read().is_nan());

    let docker = Recorded::new("docker-cpu", DOCKER_V1);
    let mut read = docker.meter(Resource::Cpu).unwrap();
    docker.clock.advance(Duration::from_millis(200));
    docker.write("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1080000000\n");
    is(read(), 0.8);
}

#[test]
fn throttling_is_the_share_of_periods_of_about_a_second() {
    let docker = Recorded::new("docker-throttling", DOCKER_V1);
    let mut read = docker.meter(Resource::Throttling).unwrap();
    let mut shares = Vec::new();
    for period in 1..=30u64 {
        docker.clock.advance(Duration::from_millis(100));
        // Every other period is throttled.
        let text = format!("nr_periods {}\nnr_throttled {}\n", 8 + period, 2 + period / 2);
        docker.write("sys/fs/cgroup/cpu,cpuacct/cpu.stat", &text);
        shares.push(read());
    }
    assert!(shares[1] < 0.15 && (0.4..0.6).contains(&shares[29]), "{shares:?}");
    for _ in 0..50 {
        docker.clock.advance(Duration::from_millis(100));
        read();
    }
    assert!(read() < 0.01, "nothing runs, so nothing is stopped");
}

#[test]
fn open_files_are_counted_against_the_soft_limit() {
    let host = Recorded::new(
        "files",
        &[(
            "proc/self/limits",
            "Limit                     Soft Limit           Hard Limit           Units\nMax open files            10                   4096                 files\n",
        )],
    );
    for number in 0..4 {
        host.write(&format!("proc/self/fd/{number}"), "");
    }
    is(host.meter(Resource::OpenFiles).unwrap()(), 0.4);
}

/// What this machine has: a number, or the word that there is none.
#[cfg(target_os = "linux")]
#[test]
fn the_real_files_give_parts_or_say_why_not() {
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(Mono::ZERO, Wall::from_millis(0)));
    for resource in [Resource::Memory, Resource::Cpu, Resource::Throttling, Resource::OpenFiles] {
        match meter(resource, &Host::here(), &clock) {
            Ok(mut read) => assert!((0.0..=2.0).contains(&read()), "{resource}"),
            Err(error) => {
                assert!(!error.to_string().is_empty() && resource != Resource::OpenFiles, "{error}")
            }
        }
    }
}

/// A runtime that gets to a ready task 80 ms late, in virtual time.
#[tokio::test(start_paused = true)]
async fn the_scheduling_delay_is_how_much_later_a_task_runs_than_it_could() {
    let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
    let tick = Duration::from_millis(100);
    let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), tick).unwrap();
    let _gauge = engine.watch(Resource::SchedulingDelay, Resource::SchedulingDelay.usual()).unwrap();
    let seen = || {
        engine.pulse(engine.now());
        engine.snapshot().signals[0].reading
    };
    // The task has begun to sleep before time moves.
    tokio::task::yield_now().await;
    assert_eq!(seen(), None, "it has not run yet");
    for (late, told) in [(0, 0.0), (80, 0.08)] {
        clock.advance(Duration::from_millis(25 + late));
        tokio::time::advance(Duration::from_millis(25)).await;
        tokio::task::yield_now().await;
        let reading = seen().unwrap();
        assert!((reading - told).abs() < 1e-9, "{reading} and not {told}");
    }
    assert!(engine.snapshot().signals[0].pressure > 0.0, "80 ms are over the target, and R follows");
}
