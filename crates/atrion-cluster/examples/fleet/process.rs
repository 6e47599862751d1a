// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! This program, started again as one of the processes of a play.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Failure;

/// A process that is killed with this value. It speaks in lines.
pub(crate) struct Process {
    lines: Lines<BufReader<ChildStdout>>,
    orders: ChildStdin,
    _child: Child,
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let orders = child.stdin.take().ok_or("a process without an input")?;
        let output = child.stdout.take().ok_or("a process without an output")?;
        Ok(Self { lines: BufReader::new(output).lines(), orders, _child: child })
    }

    pub(crate) async fn tell(&mut self, order: &str) -> Result<(), Failure> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await?;
        Ok(())
    }

    pub(crate) async fn line(&mut self) -> Result<String, Failure> {
        Ok(self.lines.next_line().await?.ok_or("a process ended before its time")?)
    }
}
