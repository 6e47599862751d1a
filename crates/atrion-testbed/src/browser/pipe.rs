// SPDX-License-Identifier: Apache-2.0
//! Commands with their answers, and events, as JSON between zero bytes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_state::lock;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::oneshot;

use super::BrowserError;

/// How long an answer may take: a browser on two busy cores is slow.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Pipe {
    to: tokio::sync::Mutex<ChildStdin>,
    next: AtomicU64,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// The complaints of each page, by session.
    complaints: Mutex<HashMap<String, Vec<String>>>,
}

impl Pipe {
    pub(super) fn new(to: ChildStdin, from: ChildStdout) -> Arc<Self> {
        let shared = Arc::new(Shared::default());
        tokio::spawn(listen(BufReader::new(from), Arc::clone(&shared)));
        Arc::new(Self { to: tokio::sync::Mutex::new(to), next: AtomicU64::new(1), shared })
    }

    /// Sends a command and waits for its result.
    pub(super) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, BrowserError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.shared.waiting).insert(id, sender);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut line = message.to_string().into_bytes();
        line.push(0);
        let silent = || BrowserError::Silent(method.to_owned());
        self.to.lock().await.write_all(&line).await.map_err(|_| silent())?;
        let answer =
            tokio::time::timeout(PATIENCE, answer).await.map_err(|_| silent())?.map_err(|_| silent())?;
        match answer.get("error") {
            Some(error) => {
                Err(BrowserError::Refused { method: method.to_owned(), answer: error.to_string() })
            }
            None => Ok(answer["result"].clone()),
        }
    }

    pub(super) fn take_complaints(&self, session: &str) -> Vec<String> {
        lock(&self.shared.complaints).remove(session).unwrap_or_default()
    }
}

async fn listen(mut from: BufReader<ChildStdout>, shared: Arc<Shared>) {
    let mut message = Vec::new();
    while let Ok(1..) = from.read_until(0, &mut message).await {
        if message.last() == Some(&0) {
            message.pop();
        }
        let heard: Value = serde_json::from_slice(&message).unwrap_or_default();
        message.clear();
        if let Some(sender) = heard["id"].as_u64().and_then(|id| lock(&shared.waiting).remove(&id)) {
            // The caller may have given up.
            let _ = sender.send(heard);
        } else if let (Some(session), Some(complaint)) = (heard["sessionId"].as_str(), complaint(&heard)) {
            lock(&shared.complaints).entry(session.to_owned()).or_default().push(complaint);
        }
    }
    // Callers that wait hear that no answer comes.
    lock(&shared.waiting).clear();
}

/// An uncaught exception, or an error in the page's log: a violation of its policy, a missing file.
fn complaint(heard: &Value) -> Option<String> {
    let parameters = &heard["params"];
    match heard["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(parameters["exceptionDetails"].to_string()),
        "Log.entryAdded" if parameters["entry"]["level"] == "error" => Some(parameters["entry"].to_string()),
        "Runtime.consoleAPICalled" if parameters["type"] == "error" => Some(parameters["args"].to_string()),
        _ => None,
    }
}
