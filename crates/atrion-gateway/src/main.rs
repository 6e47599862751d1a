// SPDX-License-Identifier: Apache-2.0
//! The binary `atrion`: the gateway, and the check of its file.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atrion_gateway::config::{Config, EXAMPLE};
use atrion_gateway::{Gateway, LoadError, Watcher, check_files};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Adaptive admission control before any service.
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway. SIGHUP reads the file again, SIGTERM ends it in good order.
    Gateway {
        /// The configuration, in TOML.
        #[arg(long, required_unless_present = "example")]
        config: Option<PathBuf>,
        /// Print a configuration with every setting, its default and what it does, and run nothing.
        #[arg(long)]
        example: bool,
    },
    /// Check a configuration, and say everything that is wrong with it.
    Check {
        /// The configuration, in TOML.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let done = match Args::parse().command {
        Command::Gateway { example: true, .. } => {
            print!("{EXAMPLE}");
            return ExitCode::SUCCESS;
        }
        Command::Gateway { config, .. } => run(&config.unwrap_or_default()),
        Command::Check { file } => check(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", told(&*error));
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn Error>>;

fn check(file: &Path) -> Done {
    let config = Config::load(file)?;
    check_files(&config)?;
    println!("{}: right", file.display());
    Ok(())
}

fn run(file: &Path) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(file));
    // A reader of the access log that has stopped reading must not keep the process.
    runtime.shutdown_background();
    done
}

async fn serve(file: &Path) -> Done {
    let config = Config::load(file)?;
    let mut watcher = Watcher::new(file, &config);
    let mut hang_up = signal(SignalKind::hangup())?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let gateway = Gateway::start(config).await?;
    for (_, address) in gateway.addresses().await {
        tracing::info!(name: "atrion.gateway.listens", target: "atrion", %address, "listens");
    }
    tracing::info!(name: "atrion.gateway.admin", target: "atrion", address = %gateway.admin_address(), "admin listens");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {}
            () = watcher.changed() => {}
        }
        tell(watcher.reload(&gateway).await);
    }
    tracing::info!(name: "atrion.gateway.drains", target: "atrion", "drains");
    gateway.drain().await;
    Ok(())
}

fn tell(reloaded: Result<(), LoadError>) {
    match reloaded {
        Ok(()) => tracing::info!(name: "atrion.gateway.reloaded", target: "atrion", "configuration replaced"),
        Err(error) => {
            let error = told(&error);
            tracing::error!(name: "atrion.gateway.refused", target: "atrion", error, "configuration stays as it was");
        }
    }
}

/// An error with its causes.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
