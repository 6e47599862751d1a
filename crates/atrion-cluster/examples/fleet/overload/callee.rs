// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The callee: a number of workers behind one queue without a bound.
//!
//! A worker does a call that is queued even if its caller has given it up: it cannot know.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::AsyncBufReadExt as _;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use super::plan::WORK;
use crate::Failure;

type Job = (Instant, oneshot::Sender<()>);

/// Serves until its input ends. Its first line of input is the number of its workers.
pub(super) async fn serve() -> Result<(), Failure> {
    let mut orders = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    let workers: usize = orders.next_line().await?.ok_or("no number of workers")?.parse()?;
    let (queue, jobs) = mpsc::unbounded_channel();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..workers {
        tokio::spawn(work(Arc::clone(&jobs)));
    }
    let app = Router::new().route("/work", get(called)).with_state(queue);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn called(State(queue): State<mpsc::UnboundedSender<Job>>) -> StatusCode {
    let (done, answer) = oneshot::channel();
    if queue.send((Instant::now(), done)).is_ok() && answer.await.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// Counts from the planned end of the job before, so that the timer of the runtime, which is coarse,
/// takes nothing from the stated capacity.
async fn work(jobs: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>) {
    let mut free_at = Instant::now();
    loop {
        // Tokio's mutex hands itself over in the order of asking: idle workers take turns.
        let Some((since, done)) = jobs.lock().await.recv().await else { return };
        free_at = free_at.max(since) + WORK;
        tokio::time::sleep_until(free_at).await;
        // The caller may have left.
        let _ = done.send(());
    }
}
