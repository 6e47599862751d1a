// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The command in a process of its own, and a browser's view of it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Instant;

use atrion_license::{Tier, development};
use serde_json::Value;

use super::client::{Events, PATIENCE, get, sign_in_with};

/// The command. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Beside {
    process: Child,
    errors: ChildStderr,
    address: SocketAddr,
    token: String,
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atrion-studio"));
    command.args(arguments).args(["--cluster", "shop"]);
    if !arguments.contains(&"--address") {
        command.args(["--address", "127.0.0.1:0"]);
    }
    command.env("ATRION_LICENSE_KEY", development::key(Tier::Pro).unwrap().reveal());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Beside {
    /// Starts it, and returns when it serves.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = command(arguments).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let mut errors = process.stderr.take().unwrap();
        let Some((address, token)) =
            url.trim_end().strip_prefix("http://").and_then(|rest| rest.split_once("/#token="))
        else {
            let mut said = String::new();
            errors.read_to_string(&mut said).unwrap();
            panic!("it does not serve: {url:?}, {said}")
        };
        let (address, token) = (address.parse().unwrap(), token.to_owned());
        Self { process, errors, address, token }
    }

    /// Reads the state as a new browser does, until `holds`; gives that state.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let cookie = sign_in_with(self.address, &self.token).await;
        let began = Instant::now();
        loop {
            let state = Events::open(self.address, &cookie, None).await.next().await.unwrap().data;
            if holds(&state) {
                return state;
            }
            assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; last seen: {state}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// Asks for the history until `holds`; gives that answer, which may be a refusal.
    pub(crate) async fn until_past(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let cookie = sign_in_with(self.address, &self.token).await;
        let began = Instant::now();
        loop {
            let past =
                get(self.address, "/studio/v1/past?seconds=86400", &[("Cookie", &cookie)]).await.json();
            if holds(&past) {
                return past;
            }
            assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; last answer: {past}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// Asks it to end, as a container's runtime does. Gives whether it ended well, and its errors.
    pub(crate) fn terminate(mut self) -> (bool, String) {
        let ended = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(ended.success());
        let status = self.process.wait().unwrap();
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        (status.success(), said)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
