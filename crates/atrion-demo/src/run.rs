// SPDX-License-Identifier: Apache-2.0
//! One run: the service as a child process, the clients, the weather, the progress.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::client;
use super::live::Live;
use super::plan::{Phase, Plan};
use super::record::Record;
use super::terminal::Terminal;
use super::traffic::Arrival;
use super::wire::{News, Order, ServiceSpec, Tick, Weather};

/// The part that both runs share.
pub(crate) struct Stage<'a> {
    pub(crate) terminal: Terminal,
    pub(crate) plan: &'a Plan,
    pub(crate) arrivals: Arc<[Arrival]>,
    pub(crate) seed: u64,
    /// The file for the ticks of the service, one JSON value per line.
    pub(crate) trace: Option<&'a Path>,
    /// Whether the service serves Studio, and stays after the phases.
    pub(crate) studio: bool,
}

/// The weather of a phase.
pub(crate) fn weather(phase: Phase) -> Weather {
    match phase {
        Phase::Gray => Weather::Gray,
        Phase::Outage => Weather::Outage,
        Phase::Warmup | Phase::Calm | Phase::Overload | Phase::Sustained | Phase::Recovery => Weather::Fair,
    }
}

impl Stage<'_> {
    /// Runs the whole plan against one service and returns a record of every request.
    pub(crate) async fn run(&self, title: &str, spec: ServiceSpec) -> anyhow::Result<Vec<Record>> {
        self.run_behind(title, spec, async |port| Ok((port, ()))).await
    }

    /// The same with something before the service: `front` starts it for the port of the service,
    /// and gives the port for the clients. It stays until the end.
    pub(crate) async fn run_behind<F>(
        &self,
        title: &str,
        spec: ServiceSpec,
        front: impl AsyncFnOnce(u16) -> anyhow::Result<(u16, F)>,
    ) -> anyhow::Result<Vec<Record>> {
        let mut trace = self.trace.map(|path| Trace::open(path, spec.protected)).transpose()?;
        let (mut service, port) = Service::start(spec, self.studio).await?;
        let (port, _front) = front(port).await?;
        if let Some(address) = &service.dashboard {
            self.terminal.line(&format!("\nStudio: {address}\n"))?;
        }
        // The runtime of the service settles, so that the first requests are not late.
        let start = Instant::now() + Duration::from_millis(100);
        let (sender, mut verdicts) = mpsc::unbounded_channel();
        let clients = tokio::spawn(client::drive(port, self.arrivals.clone(), start, self.seed, sender));

        let mut live = Live::new(self.terminal, self.plan, &self.arrivals);
        live.begin(title)?;
        let mut records = Vec::with_capacity(self.arrivals.len());
        let mut changes = self.plan.stretches.iter().skip(1).map(|s| (start + s.from, weather(s.phase)));
        let mut change = changes.next();
        let mut redraw = tokio::time::interval_at(start, Duration::from_millis(200));
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            // After the last change the branch below waits for an instant a day away.
            let next_change = change.map_or(start + Duration::from_secs(86_400), |(at, _)| at);
            tokio::select! {
                // The weather changes on time, before any other branch.
                biased;
                () = tokio::time::sleep_until(next_change) => {
                    if let Some((_, weather)) = change {
                        service.order(&Order::Weather(weather)).await?;
                    }
                    change = changes.next();
                }
                verdict = verdicts.recv() => match verdict {
                    Some(record) => {
                        live.decided(start.elapsed(), &record);
                        records.push(record);
                    }
                    None => break,
                },
                tick = service.tick() => {
                    let tick = tick?;
                    if let Some(trace) = &mut trace {
                        trace.write(start.elapsed(), self.plan, &tick)?;
                    }
                    live.ticked(tick);
                }
                _ = redraw.tick() => live.show(start.elapsed())?,
            }
        }
        live.end()?;
        clients.await.context("the clients ended early")?;
        if service.dashboard.is_some() {
            self.terminal.line("The phases are over; Studio stays until Ctrl-C.")?;
            service.stay().await?;
        }
        service.stop().await?;
        Ok(records)
    }
}

/// The service, as its parent process.
struct Service {
    child: Child,
    orders: ChildStdin,
    news: Lines<BufReader<ChildStdout>>,
    /// The address of a dashboard over it.
    dashboard: Option<String>,
}

impl Service {
    async fn start(spec: ServiceSpec, studio: bool) -> anyhow::Result<(Self, u16)> {
        let mut child = Self::command(studio)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the service")?;
        let orders = child.stdin.take().context("the service has no standard input")?;
        let news = child.stdout.take().context("the service has no standard output")?;
        let mut service = Self { child, orders, news: BufReader::new(news).lines(), dashboard: None };
        service.order(&Order::Start(spec)).await?;
        match service.news().await? {
            News::Ready { port, dashboard } => Ok((Self { dashboard, ..service }, port)),
            News::Tick(_) => anyhow::bail!("the service reports before it is ready"),
        }
    }

    /// This program, or the same service with Studio. That one is an example of a commercial crate:
    /// no manifest of a free crate may name it, so cargo starts it if it is in the tree.
    fn command(studio: bool) -> anyhow::Result<Command> {
        if !studio {
            let program =
                std::env::current_exe().context("cannot find the program to start the service with")?;
            let mut command = Command::new(program);
            command.args(["demo", "--serve"]);
            return Ok(command);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let manifest = root.join(STUDIO);
        anyhow::ensure!(
            manifest.exists(),
            "{STUDIO} is not in this tree: Studio is a commercial part of Atrion"
        );
        let mut command = Command::new("cargo");
        command
            .args(["run", "--quiet", "--example", "studio_over_the_demo", "--manifest-path"])
            .arg(manifest);
        Ok(command)
    }

    /// Waits for Ctrl-C, or for the end of the service. It reads the reports of the service, which
    /// would otherwise block.
    async fn stay(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                tick = self.tick() => { tick?; }
                pressed = tokio::signal::ctrl_c() => return pressed.context("cannot hear Ctrl-C"),
            }
        }
    }

    async fn order(&mut self, order: &Order) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await.context("the service takes no more orders")
    }

    /// Cancel-safe: a part of a line that was read is kept.
    async fn news(&mut self) -> anyhow::Result<News> {
        let line = self.news.next_line().await.context("cannot hear the service")?;
        let line = line.context("the service ended early; its reason is above")?;
        serde_json::from_str(&line).with_context(|| format!("`{line}` is no news"))
    }

    async fn tick(&mut self) -> anyhow::Result<Tick> {
        loop {
            if let News::Tick(tick) = self.news().await? {
                return Ok(tick);
            }
        }
    }

    /// The end of its input stops it. Queued jobs are not waited for.
    async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.orders);
        let status = match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status?,
            Err(_) => return Ok(self.child.kill().await?),
        };
        anyhow::ensure!(status.success(), "the service ended with {status}");
        Ok(())
    }
}

const STUDIO: &str = "crates/atrion-studio/Cargo.toml";

const PATIENCE: Duration = Duration::from_secs(1);

/// The ticks of the service in a file.
struct Trace {
    file: File,
    protected: bool,
}

impl Trace {
    fn open(path: &Path, protected: bool) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.with_context(|| format!("cannot write the trace {}", path.display()))?;
        Ok(Self { file, protected })
    }

    fn write(&mut self, now: Duration, plan: &Plan, tick: &Tick) -> anyhow::Result<()> {
        let line = serde_json::json!({
            "protected": self.protected,
            "at_s": now.as_secs_f64(),
            "phase": plan.phase_at(now),
            "queued": tick.queued,
            "busy": tick.busy,
            "routes": tick.routes,
        });
        writeln!(self.file, "{line}").context("cannot write the trace")
    }
}
