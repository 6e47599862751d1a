// SPDX-License-Identifier: Apache-2.0
//! The shipped alert rules parse, and each fires exactly where it should, by Prometheus's own tool.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // helpers speak as tests do

use std::process::{Command, ExitCode};

use atrion_testbed::{Server, locate, tests};

fn main() -> ExitCode {
    atrion_testbed::run(
        &[Server::Promtool],
        tests![the_rules_parse, every_alert_fires_where_it_should, a_wrong_rule_is_found],
    )
}

/// The output of promtool, run in the folder of the rules.
fn promtool(arguments: &[&str]) -> Result<String, String> {
    let programs = locate(Server::Promtool).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability");
    let mut command = Command::new(&programs.server);
    if let Some(libraries) = &programs.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

async fn the_rules_parse() {
    let said = promtool(&["check", "rules", "alerts.yaml"]).unwrap_or_else(|said| panic!("{said}"));
    let rules =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability/alerts.yaml"));
    let alerts = rules.unwrap().matches("- alert:").count();
    assert!(said.contains(&format!("SUCCESS: {alerts} rules found")), "{said}");
}

async fn every_alert_fires_where_it_should() {
    promtool(&["test", "rules", "alerts.test.yaml"]).unwrap_or_else(|said| panic!("{said}"));
}

/// The tool finds a fault where there is one.
async fn a_wrong_rule_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.yaml");
    std::fs::write(&path, "groups: [{name: x, rules: [{alert: X, expr: 'rate(atrion_routes'}]}]").unwrap();
    assert!(promtool(&["check", "rules", path.to_str().unwrap()]).is_err());
}
