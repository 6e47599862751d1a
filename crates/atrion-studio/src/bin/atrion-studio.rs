// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `atrion-studio`: Studio beside a fleet. It joins the fleet's store as a node that says nothing,
//! and shows what the other nodes say.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use atrion_cluster::postgres::HistoryReader;
use atrion_cluster::redis::RedisClusterProvider;
use atrion_studio::source::Fleet;
use atrion_studio::{Access, Studio, StudioConfig, Token};
use clap::Parser;

#[derive(Parser)]
#[command(name = "atrion-studio", version, about = "AtrionStudio beside a fleet", max_term_width = 80)]
struct Args {
    /// The fleet's Redis; several for a cluster.
    #[arg(long, value_name = "URL", required = true, env = "ATRION_REDIS_URL", hide_env_values = true)]
    redis: Vec<String>,
    /// The fleet's history, to look up past changes of modes.
    #[arg(long, value_name = "URL", env = "ATRION_POSTGRES_URL", hide_env_values = true)]
    postgres: Option<String>,
    /// The name under which the nodes share.
    #[arg(long, default_value = "default")]
    cluster: String,
    /// The first part of every key in Redis.
    #[arg(long, default_value = "atrion")]
    namespace: String,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7117")]
    address: SocketAddr,
    /// A token of your own; needed for an address that is not this machine's alone.
    #[arg(long, env = "ATRION_STUDIO_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// Names under which browsers reach it through a proxy.
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // For a person at a terminal: no backtrace, and a cause that an error states in its own
            // words not a second time.
            let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            causes.dedup_by(|cause, said| said.contains(cause.as_str()));
            eprintln!("error: {}", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let Args { redis, postgres, cluster, namespace, address, token, host } = args;
    let history = postgres.map(|url| HistoryReader::new(&url, &cluster)).transpose().context("--postgres")?;
    let sources = atrion_license::Sources::standard();
    let found = sources.read();
    if let (Some(source), Err(error)) = (&found.source, found.key) {
        return Err(error).with_context(|| format!("the license key in {source}"));
    }
    let provider = RedisClusterProvider::builder()
        .urls(redis)
        .cluster(&cluster)
        .namespace(namespace)
        // A new name at each start: two that watch must not be taken for one.
        .node(format!("studio-{}", &Token::generate()?.reveal().replace('_', "-")[..8]))
        .license(sources)
        .build_strict()?;
    let fleet = Fleet::join(Arc::new(provider)).await?;
    let access = token.map_or(Access::Generated, Access::Token);
    let config = StudioConfig {
        address,
        access,
        hosts: host,
        cluster,
        node: "fleet".to_owned(),
        ..StudioConfig::default()
    };
    let mut studio = Studio::over(fleet.clone()).config(config);
    if let Some(history) = history {
        studio = studio.history(history);
    }
    let studio = studio.start().await?;
    println!("{}", studio.url());
    told_to_end().await?;
    studio.stop();
    fleet.leave().await;
    Ok(())
}

/// Ctrl-C, or what a container's runtime sends.
async fn told_to_end() -> anyhow::Result<()> {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
        tokio::select! {
            interrupted = interrupted => interrupted.context("cannot hear Ctrl-C"),
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    interrupted.await.context("cannot hear Ctrl-C")
}
