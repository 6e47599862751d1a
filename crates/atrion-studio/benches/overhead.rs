// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What Studio costs the service that serves it: 1,000 busy routes, and 20 browsers that watch.
//!
//! Plain code without a harness: it measures the CPU of the whole process against the same work
//! without Studio, and the slowest admissions, not the nanoseconds of one function. Slices without
//! and with Studio alternate, so that other work on the machine falls on both; the ratios are the
//! medians.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a bench that cannot run says so by a panic

use std::hint::black_box;
use std::time::{Duration, Instant};

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Route};
use atrion_license::development;
use atrion_studio::{Running, Studio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const ROUTES: usize = 1_000;
const BROWSERS: usize = 20;
const SLICE: Duration = Duration::from_secs(3);
/// Rounds over all routes in a slice: a fixed amount of work, paced over the slice.
const ROUNDS: u32 = 300;
/// Pairs of slices in a careful run, and in a quick one.
const PAIRS: [usize; 2] = [5, 1];

fn main() {
    // `cargo test --benches` only checks that it starts; `cargo bench` passes `--bench` for
    // figures.
    let is_asked = |wish: &str| std::env::args().any(|argument| argument == wish);
    let pairs = PAIRS[usize::from(is_asked("--quick"))];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let atrion = runtime.block_on(Atrion::builder().connect()).unwrap();
    let routes: Vec<Route> =
        (0..ROUTES).map(|n| atrion.route(&format!("GET /shop/{n}/items/{{id}}"))).collect();
    if !is_asked("--bench") {
        black_box(work(&routes, 3, Duration::from_millis(30)));
        return;
    }
    eprintln!("{ROUTES} routes, {BROWSERS} browsers, {pairs} pairs of {} s", SLICE.as_secs());
    work(&routes, ROUNDS, SLICE);
    let (wanted, mut pairs, mut bytes) = (pairs, Vec::new(), Vec::new());
    for _ in 0..wanted {
        let alone = work(&routes, ROUNDS, SLICE);
        let watched = Watched::start(&runtime, &atrion);
        std::thread::sleep(Duration::from_secs(1));
        let before = watched.bytes();
        let beside = work(&routes, ROUNDS, SLICE);
        bytes.push((watched.bytes() - before) as f64 / SLICE.as_secs_f64() / BROWSERS as f64);
        assert_eq!(watched.studio.clients(), BROWSERS, "a browser was dropped");
        pairs.push((alone, beside));
    }
    let median = |of: &dyn Fn(&(Slice, Slice)) -> f64| {
        let mut all: Vec<f64> = pairs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let cores = |slice: &Slice| slice.cpu.as_secs_f64() / slice.wall.as_secs_f64();
    let share = median(&|(alone, beside)| cores(beside) - cores(alone));
    bytes.sort_by(f64::total_cmp);
    figure("cores", share);
    figure("median of admit", median(&|(alone, beside)| beside.median / alone.median));
    figure("p99.9 of admit", median(&|(alone, beside)| beside.p999 / alone.p999));
    figure("bytes a second and browser", bytes[bytes.len() / 2]);
}

/// A line for `cargo xtask bench`, which makes a table of it.
fn figure(name: &str, value: f64) {
    println!("{{\"figure\":\"studio: {name}\",\"value\":{value}}}");
}

struct Slice {
    wall: Duration,
    cpu: Duration,
    median: f64,
    p999: f64,
}

/// The same requests each time: every route once a round, and each admission timed.
fn work(routes: &[Route], rounds: u32, within: Duration) -> Slice {
    let (begin, cpu) = (Instant::now(), cpu_time());
    let mut times = Vec::with_capacity(routes.len() * rounds as usize);
    for round in 0..rounds {
        for route in routes {
            let before = Instant::now();
            let permit = route.admit(Tier::Normal);
            times.push(before.elapsed().as_nanos() as f64);
            if let Ok(permit) = permit {
                permit.finish(Outcome::Success);
            }
        }
        let due = begin + within * (round + 1) / rounds;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let (wall, cpu) = (begin.elapsed(), cpu_time() - cpu);
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Slice { wall, cpu, median: at(0.5), p999: at(0.999) }
}

/// User and system time of this process, of all threads.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    // A tick is a hundredth of a second on every Linux.
    Duration::from_millis(ticks * 10)
}

struct Watched {
    studio: Running,
    read: std::sync::Arc<std::sync::atomic::AtomicU64>,
    // The browsers end with it.
    _browsers: tokio::task::JoinSet<()>,
}

impl Watched {
    fn start(runtime: &Runtime, atrion: &Atrion) -> Self {
        runtime.block_on(async {
            let key = development::key(atrion_license::Tier::Pro).unwrap();
            let studio =
                Studio::of(atrion).address(([127, 0, 0, 1], 0).into()).license(key).start().await.unwrap();
            let url = studio.url();
            let token = url.split_once("#token=").unwrap().1;
            let read = std::sync::Arc::<std::sync::atomic::AtomicU64>::default();
            let mut browsers = tokio::task::JoinSet::new();
            for _ in 0..BROWSERS {
                browsers.spawn(watch(studio.address(), token.to_owned(), read.clone()));
            }
            while studio.clients() < BROWSERS {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Self { studio, read, _browsers: browsers }
        })
    }

    fn bytes(&self) -> u64 {
        self.read.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A browser that reads all and draws nothing.
async fn watch(to: std::net::SocketAddr, token: String, read: std::sync::Arc<std::sync::atomic::AtomicU64>) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head =
        format!("GET /studio/v1/stream HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        read.fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed);
    }
}
