// SPDX-License-Identifier: Apache-2.0
//! The binary itself: its signals, its bounds, its memory.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::binary::Process;
use crate::support::{
    OK, eventually, get, least, patient, read_all, read_request, read_until, say, saying, service, within,
};

impl Process {
    /// Starts one with this file, and at most so many descriptors.
    pub(crate) fn start(file: &str, descriptors: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("atrion.toml");
        std::fs::write(&path, file).unwrap();
        let line = format!("ulimit -n {descriptors} && exec \"$0\" gateway --config \"$1\"");
        let mut command = Command::new("sh");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_atrion")]).arg(&path);
        Self::of(&mut command, folder)
    }

    /// Its memory, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// How many files and connections it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }
}

#[tokio::test]
async fn a_hang_up_reads_the_file_again_and_a_termination_ends_in_good_order() {
    let (upstream, go) = patient().await;
    let mut process = Process::start(&least(upstream, ""), 1024);
    process.signal("HUP");
    eventually(async || process.metric("atrion_gateway_reloads_total{").await == 1).await;
    std::fs::write(process.folder.path().join("atrion.toml"), "nonsense = 1\n").unwrap();
    process.signal("HUP");

    let mut busy = TcpStream::connect(process.address).await.unwrap();
    say(&mut busy, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    eventually(async || process.metric("atrion_admission_active_requests{").await == 1).await;
    process.signal("TERM");
    eventually(async || TcpStream::connect(process.address).await.is_err()).await;
    go.send_replace(true);
    let answer = within(read_all(&mut busy)).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    assert!(process.ended().await.success());
}

/// A process that stands still has not heard from its callee, whose fault that is not. When it goes
/// on, every call under way has run into its time limit.
#[tokio::test]
async fn a_process_that_was_stopped_opens_no_breaker() {
    tokio::join!(stopped(""), stopped("[admission]\nslo = \"1s\"\n"));
}

/// Without the absence taken off, silence opens a breaker after 1.3 s, and after ten times an SLO.
async fn stopped(admission: &str) {
    // As on a machine that stands still as a whole: what is written is held, and nothing is answered.
    let machine = Arc::new(RwLock::new(()));
    let (running, answered, failed) = (Arc::clone(&machine), Counter::default(), Counter::default());
    let upstream = service(move |mut stream| {
        let running = Arc::clone(&running);
        async move {
            while read_request(&mut stream).await.is_some() {
                tokio::time::sleep(Duration::from_millis(400)).await;
                let _runs = running.read().await;
                say(&mut stream, OK).await;
            }
        }
    })
    .await;
    let process =
        Process::start(&least(upstream, &format!("[timeouts]\nresponse_head = \"5s\"\n{admission}")), 1024);
    let mut clients = JoinSet::new();
    for _ in 0..40 {
        let (address, answered, failed) = (process.address, Arc::clone(&answered), Arc::clone(&failed));
        clients.spawn(async move {
            loop {
                let mut stream = TcpStream::connect(address).await.unwrap();
                say(&mut stream, "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await;
                if read_all(&mut stream).await.starts_with("HTTP/1.1 200") {
                    answered.fetch_add(1, Relaxed);
                } else {
                    failed.fetch_add(1, Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    eventually(async || process.came_into("operational").await > 0).await;
    let stands_still = machine.write().await;
    process.signal("STOP");
    tokio::time::sleep(Duration::from_secs(12)).await;
    let before = failed.load(Relaxed);
    process.signal("CONT");
    eventually(async || failed.load(Relaxed) > before).await;
    drop(stands_still);
    let until = answered.load(Relaxed) + 100;
    eventually(async || answered.load(Relaxed) >= until).await;
    assert_eq!(process.came_into("circuit_breaker").await, 0, "{admission:?}");
    clients.shutdown().await;
}

type Counter = Arc<AtomicU64>;

#[tokio::test]
async fn without_descriptors_it_waits_and_then_goes_on() {
    let (upstream, _) = saying(OK).await;
    let process = Process::start(&least(upstream, ""), 64);
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(process.address).await.unwrap());
    }
    drop(held);
    eventually(async || {
        let mut client = TcpStream::connect(process.address).await.unwrap();
        say(&mut client, "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await;
        within(read_all(&mut client)).await.ends_with("ok")
    })
    .await;
    let refused = "atrion_gateway_refused_connections_total{reason=\"accept\"";
    assert!(process.metric(refused).await > 0);
}

/// Bytes that a connection which says nothing may cost.
const IDLE_CONNECTION: u64 = 8 * 1024;

#[tokio::test]
async fn ten_thousand_idle_connections_cost_little_and_leave_the_others_alone() {
    const COUNT: usize = 10_000;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let (upstream, _) = saying(OK).await;
    let process =
        Process::start(&least(upstream, "[limits]\nconnections = 15_000\nrequest_head = \"10m\"\n"), 15_000);
    get(process.address, "/", "").await;
    let before = process.resident();
    let mut held = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        held.push(TcpStream::connect(process.address).await.unwrap());
    }
    eventually(async || process.metric("atrion_gateway_connections{").await == COUNT as u64).await;
    let each = process.resident().saturating_sub(before) / COUNT as u64;
    assert!(each < IDLE_CONNECTION, "{each} bytes");
    assert!(get(process.address, "/", "").await.ends_with("ok"));
}

#[tokio::test]
async fn memory_stays_flat_under_requests_of_all_kinds() {
    let (upstream, _) = saying(OK).await;
    let process = Process::start(&least(upstream, "[[route]]\nmatch = \"GET /a/{id}\"\n"), 1024);
    let mut settled = 0;
    for round in 0..6 {
        for n in 0..1000 {
            let mut client = TcpStream::connect(process.address).await.unwrap();
            match n % 4 {
                // Answered, answered with a fault, left alone, and left in the middle.
                0 => {
                    say(&mut client, &format!("GET /a/{round}{n} HTTP/1.1\r\nhost: shop\r\n\r\n")).await;
                    read_until(&mut client, "ok").await;
                }
                1 => {
                    say(&mut client, &format!("GET /b{n} HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")).await;
                    read_until(&mut client, "400").await;
                }
                2 => say(&mut client, "GET /a/1 HTTP/1.1\r\nhost: shop\r\n\r\n").await,
                _ => say(&mut client, "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 9\r\n\r\nhalf").await,
            }
        }
        eventually(async || process.metric("atrion_gateway_connections{").await == 0).await;
        match round {
            0 | 1 => settled = process.resident(),
            _ => assert!(process.resident() < settled + (8 << 20), "{} after {settled}", process.resident()),
        }
    }
}
