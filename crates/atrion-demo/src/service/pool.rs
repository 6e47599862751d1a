// SPDX-License-Identifier: Apache-2.0
//! The capacity of the service: a fixed number of workers behind an unbounded first-in-first-out
//! queue.
//!
//! A queued job is done even if its client has left: the worker cannot know, as with a thread pool,
//! a database or a batch on an accelerator. This turns an overload into a collapse: workers stay
//! busy with answers that no client waits for.
//!
//! Work is a timer and not a busy CPU, so the capacity is the stated one and not that of the
//! machine. A worker counts from the *planned* end of the job before, not from the instant when the
//! runtime woke it, so the coarse timer of the runtime (1 ms) costs no capacity.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::super::random::Random;
use super::super::wire::Weather;

/// Mean time of one job on a healthy worker.
pub(crate) const WORK: Duration = Duration::from_millis(100);
/// Deviation of the logarithm of that time: the slowest of a hundred jobs takes 2.8 times the mean.
pub(super) const SPREAD: f64 = 0.5;
/// The factor of the slow workers in the gray failure.
pub(super) const SLOWDOWN: f64 = 4.0;
/// The part of a job that is spent waiting for the dependency, on the routes that need it.
pub(super) const DEPENDENCY_SHARE: f64 = 0.3;
/// How long a worker waits for a hanging dependency before it gives up with 504.
pub(super) const DEPENDENCY_TIMEOUT: Duration = Duration::from_millis(300);

/// The mean capacity: jobs per second of all workers together.
pub(crate) fn capacity(workers: usize, weather: Weather) -> f64 {
    let slow = if weather == Weather::Gray { slow_workers(workers) } else { 0 };
    ((workers - slow) as f64 + slow as f64 / SLOWDOWN) / WORK.as_secs_f64()
}

fn slow_workers(workers: usize) -> usize {
    workers / 2
}

/// A piece of work.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) needs_dependency: bool,
    /// The number of the request. Both runs give it the same work.
    pub(super) request: u64,
    /// The status of a requested failure.
    pub(super) fails_with: Option<u16>,
}

/// The handle to the queue.
#[derive(Clone)]
pub(crate) struct Pool {
    queue: mpsc::UnboundedSender<Queued>,
    gauges: Arc<Gauges>,
}

/// Read without order between the two: they are displayed, and no decision depends on them.
#[derive(Debug, Default)]
struct Gauges {
    queued: AtomicUsize,
    busy: AtomicUsize,
}

struct Queued {
    job: Job,
    since: Instant,
    reply: oneshot::Sender<u16>,
}

impl Pool {
    pub(crate) fn start(workers: usize, seed: u64, weather: watch::Receiver<Weather>) -> Self {
        let (queue, jobs) = mpsc::unbounded_channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let gauges = Arc::new(Gauges::default());
        for index in 0..workers {
            let slowdown = if index < slow_workers(workers) { SLOWDOWN } else { 1.0 };
            let worker = Worker { seed, slowdown, weather: weather.clone(), gauges: gauges.clone() };
            tokio::spawn(worker.run(jobs.clone()));
        }
        Self { queue, gauges }
    }

    /// Queues a job and waits for its status; `None` if the workers are gone. Dropping the future
    /// does not take the job out of the queue.
    pub(super) async fn run(&self, job: Job) -> Option<u16> {
        let (reply, status) = oneshot::channel();
        self.gauges.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.send(Queued { job, since: Instant::now(), reply }).ok()?;
        status.await.ok()
    }

    pub(super) fn queued(&self) -> usize {
        self.gauges.queued.load(Ordering::Relaxed)
    }

    pub(super) fn busy(&self) -> usize {
        self.gauges.busy.load(Ordering::Relaxed)
    }
}

struct Worker {
    seed: u64,
    slowdown: f64,
    weather: watch::Receiver<Weather>,
    gauges: Arc<Gauges>,
}

impl Worker {
    async fn run(self, jobs: Arc<Mutex<mpsc::UnboundedReceiver<Queued>>>) {
        let mut free_at = Instant::now();
        loop {
            // Tokio's mutex hands itself over in the order of asking, so idle workers take turns.
            let Some(queued) = jobs.lock().await.recv().await else { return };
            self.gauges.queued.fetch_sub(1, Ordering::Relaxed);
            self.gauges.busy.fetch_add(1, Ordering::Relaxed);
            let (status, takes) = self.work(&queued.job);
            free_at = free_at.max(queued.since) + takes;
            tokio::time::sleep_until(free_at).await;
            self.gauges.busy.fetch_sub(1, Ordering::Relaxed);
            // The client may have left; the work is done in any case.
            let _ = queued.reply.send(status);
        }
    }

    /// The outcome of a job, and the time that it occupies its worker.
    fn work(&self, job: &Job) -> (u16, Duration) {
        let weather = *self.weather.borrow();
        let size = Random::of(&[self.seed, job.request]).lognormal(SPREAD);
        let slowdown = if weather == Weather::Gray { self.slowdown } else { 1.0 };
        let takes = WORK.mul_f64(size * slowdown);
        if job.needs_dependency && weather == Weather::Outage {
            return (504, takes.mul_f64(1.0 - DEPENDENCY_SHARE) + DEPENDENCY_TIMEOUT);
        }
        (job.fails_with.unwrap_or(200), takes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(request: u64) -> Job {
        Job { needs_dependency: false, request, fails_with: None }
    }

    fn weather(weather: Weather) -> (watch::Sender<Weather>, watch::Receiver<Weather>) {
        watch::channel(weather)
    }

    /// Jobs per second of a queue that never runs dry, in virtual time.
    async fn measured(workers: usize, now: Weather) -> f64 {
        let (_sender, receiver) = weather(now);
        let pool = Pool::start(workers, 1, receiver);
        let begin = Instant::now();
        let jobs: Vec<_> = (0..8_000)
            .map(|request| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.run(job(request)).await })
            })
            .collect();
        for job in jobs {
            assert_eq!(job.await.expect("no panic"), Some(200));
        }
        8_000.0 / begin.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn the_stated_capacity_is_the_measured_one() {
        for now in [Weather::Fair, Weather::Gray] {
            let (stated, measured) = (capacity(40, now), measured(40, now).await);
            // At the end the slow workers finish alone, which costs some 3 %.
            assert!((measured / stated - 1.0).abs() < 0.04, "{now:?}: {measured} of {stated}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_after_the_client_left() {
        let (_sender, receiver) = weather(Weather::Fair);
        let pool = Pool::start(1, 1, receiver);
        let left = tokio::time::timeout(Duration::from_millis(1), pool.run(job(1))).await;
        assert!(left.is_err());
        assert_eq!(pool.busy(), 1);
        let begin = Instant::now();
        assert_eq!(pool.run(job(2)).await, Some(200));
        assert!(begin.elapsed() > Duration::from_millis(60), "the second job waited for the first");
        assert_eq!((pool.busy(), pool.queued()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_outage_hits_only_jobs_that_need_the_dependency() {
        let (_sender, receiver) = weather(Weather::Outage);
        let pool = Pool::start(2, 1, receiver);
        assert_eq!(pool.run(Job { needs_dependency: true, ..job(1) }).await, Some(504));
        assert_eq!(pool.run(job(1)).await, Some(200));
        assert_eq!(pool.run(Job { fails_with: Some(500), ..job(1) }).await, Some(500));
    }
}
