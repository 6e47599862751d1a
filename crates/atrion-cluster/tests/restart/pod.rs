// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The pod: a process with an engine, its stores, and a dependency that answers nothing but errors.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use atrion_cluster::LayeredProvider;
use atrion_cluster::postgres::PostgresPersistenceAdapter;
use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{Mode, Outcome, Tier};
use atrion_engine::Atrion;
use atrion_license::development;
use atrion_state::{InMemoryProvider, StateProvider};
use tokio::time::Instant;

/// Where a pod remembers, and its name.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) node: String,
    pub(crate) redis: Option<String>,
    pub(crate) postgres: Option<String>,
}

/// What became of the requests of a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sent: u32,
    /// Passed, and failed.
    pub(crate) failed: u32,
    /// Failed before the route was protected for the first time.
    pub(crate) until_protected: u32,
    /// What passed of the first ten.
    pub(crate) of_the_first_ten: u32,
}

const NODE: &str = "ATRION_POD_NODE";
const REDIS: &str = "ATRION_POD_REDIS";
const POSTGRES: &str = "ATRION_POD_POSTGRES";

/// A hundred requests a second, each failing after 20 ms: two in flight, as a healthy dependency
/// would have.
const PACE: Duration = Duration::from_millis(10);
const LATENCY: Duration = Duration::from_millis(20);

impl Settings {
    pub(crate) fn from_env() -> Option<Self> {
        let read = |name| std::env::var(name).ok();
        Some(Self { node: read(NODE)?, redis: read(REDIS), postgres: read(POSTGRES) })
    }

    fn provider(&self) -> Arc<dyn StateProvider> {
        let license = || development::key(atrion_license::Tier::Pro).unwrap();
        let mut layers: Vec<Arc<dyn StateProvider>> = vec![Arc::new(InMemoryProvider::new())];
        if let Some(url) = &self.redis {
            let redis =
                RedisClusterProvider::builder().url(url).cluster("shop").node(&self.node).license(license());
            layers.push(Arc::new(redis.build().unwrap()));
        }
        if let Some(url) = &self.postgres {
            let postgres = PostgresPersistenceAdapter::builder().url(url).cluster("shop").node(&self.node);
            // Sooner than usual, so that the test need not wait ten seconds for a pod to be killed.
            let postgres = postgres.write_behind(Duration::from_secs(1)).license(license());
            layers.push(Arc::new(postgres.build().unwrap()));
        }
        Arc::new(LayeredProvider::new(layers).unwrap())
    }
}

/// Obeys what it is told on its standard input: `run MILLISECONDS`, `stop`.
pub(crate) fn run(settings: Settings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let atrion = Atrion::builder().shared_provider(settings.provider()).connect().await.unwrap();
        say("up");
        let (told, mut orders) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        while let Some(order) = orders.recv().await {
            let Some(millis) = order.strip_prefix("run ") else { break };
            let tally = serve(&atrion, Duration::from_millis(millis.parse().unwrap())).await;
            let Tally { sent, failed, until_protected, of_the_first_ten } = tally;
            say(&format!("{sent} {failed} {until_protected} {of_the_first_ten}"));
        }
        atrion.shutdown().await;
    });
    ExitCode::SUCCESS
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

async fn serve(atrion: &Atrion, span: Duration) -> Tally {
    let route = atrion.route("api/pay");
    let mut tally = Tally { sent: 0, failed: 0, until_protected: 0, of_the_first_ten: 0 };
    let (end, mut next, mut protected) = (Instant::now() + span, Instant::now(), false);
    while next < end {
        tokio::time::sleep_until(next).await;
        next += PACE;
        tally.sent += 1;
        let admitted = route.admit_owned(Tier::Normal);
        protected |= route.mode() == Mode::CircuitBreaker;
        let Ok(permit) = admitted else { continue };
        tally.failed += 1;
        tally.until_protected += u32::from(!protected);
        tally.of_the_first_ten += u32::from(tally.sent <= 10);
        tokio::spawn(async move {
            tokio::time::sleep(LATENCY).await;
            permit.finish(Outcome::Failure);
        });
    }
    tally
}

/// A pod in a process of its own, seen from outside. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Pod {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Pod {
    /// Starts this program once more, as a pod.
    pub(crate) fn start(settings: &Settings) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(NODE, &settings.node);
        for (name, url) in [(REDIS, &settings.redis), (POSTGRES, &settings.postgres)] {
            match url {
                Some(url) => command.env(name, url),
                None => command.env_remove(name),
            };
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) =
            (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut pod = Self { process, orders, answers };
        assert_eq!(pod.hear(), "up");
        pod
    }

    /// Lets it serve requests for a span.
    pub(crate) fn serve(&mut self, span: Duration) -> Tally {
        writeln!(self.orders, "run {}", span.as_millis()).unwrap();
        let answer = self.hear();
        let numbers: Vec<u32> = answer.split(' ').map(|number| number.parse().unwrap()).collect();
        let [sent, failed, until_protected, of_the_first_ten] = numbers[..] else { panic!("{answer:?}") };
        Tally { sent, failed, until_protected, of_the_first_ten }
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        writeln!(self.orders, "stop").unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
