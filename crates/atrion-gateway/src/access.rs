// SPDX-License-Identifier: Apache-2.0
//! The access log: a line for each request, written when its answer is over.
//!
//! A thread writes; the lines wait for it in a bounded queue. What does not fit is lost and counted:
//! a slow disk or a full pipe does not slow requests down.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use atrion::{Shed, Tier};
use http::{Request, Response, Version};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::client::Client;
use crate::config::AccessLog;
use crate::counters::Counters;
use crate::upstream::{AnswerError, Counted};

/// Lines that may wait to be written.
const WAITING: usize = 4096;

/// Takes lines for a writer on a thread of its own.
#[derive(Clone)]
pub(crate) struct Log {
    lines: SyncSender<Said>,
    counters: Arc<Counters>,
}

/// What the writer is told.
enum Said {
    Line(String),
    /// Say when everything before this is written.
    Flush(oneshot::Sender<()>),
}

impl Log {
    /// The thread ends with the last clone.
    pub(crate) fn new(mut to: impl Write + Send + 'static, counters: Arc<Counters>) -> std::io::Result<Self> {
        let (lines, queue) = sync_channel(WAITING);
        let write = move || {
            while let Ok(first) = queue.recv() {
                // Many lines at once cost one call of the system.
                let (mut text, mut waiting) = (String::new(), Vec::new());
                for said in std::iter::once(first).chain(queue.try_iter().take(WAITING)) {
                    match said {
                        Said::Line(line) => text.push_str(&line),
                        Said::Flush(done) => waiting.push(done),
                    }
                }
                // There is nobody else to tell.
                let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
                for done in waiting {
                    // It may have given up.
                    let _ = done.send(());
                }
            }
        };
        std::thread::Builder::new().name("atrion-access".to_owned()).spawn(write)?;
        Ok(Self { lines, counters })
    }

    fn write(&self, line: String) {
        if self.lines.try_send(Said::Line(line)).is_err() {
            self.counters.lost_line();
        }
    }

    /// Waits until what was written so far is out, for a second at the most.
    pub(crate) async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        let lines = self.lines.clone();
        // A full queue makes it wait, on a thread where nothing else does.
        spawn_blocking(move || lines.send(Said::Flush(done)).is_ok());
        // Without an answer there is nothing left to do.
        let _ = timeout(Duration::from_secs(1), is_done).await;
    }
}

/// What is known of a request when its answer is over.
pub(crate) struct Line {
    log: Log,
    form: AccessLog,
    begun: Instant,
    wall_ms: u128,
    client: Option<String>,
    method: String,
    target: String,
    version: Version,
    route: String,
    tier: Tier,
    status: u16,
    bytes: u64,
    shed: Option<Shed>,
    error: Option<String>,
    is_whole: bool,
}

impl Line {
    pub(crate) fn begin<B>(log: &Log, form: AccessLog, request: &Request<B>, client: &Client) -> Box<Self> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Box::new(Self {
            log: log.clone(),
            form,
            begun: Instant::now(),
            wall_ms: since.map_or(0, |since| since.as_millis()),
            client: client.address().map(|address| address.ip().to_canonical().to_string()),
            method: request.method().to_string(),
            target: request.uri().path_and_query().map_or("*", |path| path.as_str()).to_owned(),
            version: request.version(),
            route: String::new(),
            tier: Tier::Normal,
            status: 0,
            bytes: 0,
            shed: None,
            error: None,
            is_whole: false,
        })
    }

    /// Which gate it came to, and how important it was as far as the gateway says.
    pub(crate) fn came_to(&mut self, route: &str, tier: Tier) {
        route.clone_into(&mut self.route);
        self.tier = tier;
    }

    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        self.status = response.status().as_u16();
        self.shed = response.extensions().get::<Shed>().copied();
        let counted = response.extensions().get::<Counted>().map(|counted| counted.0);
        let refused = self.shed.as_ref().map(|shed| Tier::of(shed.voltage()));
        self.tier = refused.or(counted).unwrap_or(self.tier);
    }

    pub(crate) fn failed(&mut self, error: &dyn std::error::Error) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.error = Some(text);
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub(crate) fn broken(&mut self, error: &AnswerError) {
        self.failed(error);
    }

    pub(crate) fn finished(&mut self) {
        self.is_whole = true;
    }

    fn decision(&self) -> &'static str {
        match (&self.shed, self.route.is_empty()) {
            (Some(_), _) => "shed",
            (None, false) => "admitted",
            (None, true) => "none",
        }
    }

    fn json(&self) -> String {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("time_ms", json!(u64::try_from(self.wall_ms).unwrap_or(u64::MAX)));
        put("client", json!(self.client));
        put("method", json!(self.method));
        put("target", json!(self.target));
        put("protocol", json!(format!("{:?}", self.version)));
        put("status", json!(self.status));
        put("bytes", json!(self.bytes));
        put("ms", json!(self.millis()));
        put("route", json!(self.route));
        put("tier", json!(self.tier.as_str()));
        put("decision", json!(self.decision()));
        if let Some(shed) = &self.shed {
            let terms = shed.terms();
            put("reason", json!(shed.reason().as_str()));
            put("voltage", json!(tenths(shed.voltage().get())));
            put("resistance", json!(tenths(shed.resistance().get())));
            put(
                "terms",
                json!({
                    "base": tenths(terms.base.get()),
                    "saturation": tenths(terms.saturation.get()),
                    "momentum": tenths(terms.momentum.get()),
                    "scar": tenths(terms.scar.get()),
                    "staleness": tenths(terms.staleness.get()),
                    "cluster": tenths(terms.cluster),
                    "signal": tenths(terms.signal.get()),
                }),
            );
        }
        if let Some(error) = &self.error {
            put("error", json!(error));
        }
        Value::Object(line).to_string()
    }

    fn plain(&self) -> String {
        let reason = self.shed.map_or("-", |shed| shed.reason().as_str());
        // A target has visible characters alone: no client can begin a line of its own.
        format!(
            "{} {} \"{} {} {:?}\" {} {} {} {:?} {} {} {reason}",
            self.wall_ms,
            self.client.as_deref().unwrap_or("-"),
            self.method,
            self.target.replace('"', "%22"),
            self.version,
            self.status,
            self.bytes,
            self.millis(),
            self.route,
            self.tier.as_str(),
            self.decision(),
        )
    }

    fn millis(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 1e4).round() / 10.0
    }
}

impl Drop for Line {
    /// The answer is over, or its client is gone.
    fn drop(&mut self) {
        let mut line = match self.form {
            AccessLog::Off => return,
            AccessLog::Json => self.json(),
            AccessLog::Plain => self.plain(),
        };
        line.push('\n');
        self.log.write(line);
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
