// SPDX-License-Identifier: Apache-2.0
//! The machine that the numbers were measured on: its shape, never its name.

use std::process::Command;

use anyhow::Context as _;

pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) compiler: String,
}

impl Machine {
    pub(crate) fn this() -> anyhow::Result<Self> {
        let version = Command::new("rustc").arg("--version").output().context("cannot run rustc")?;
        let version = String::from_utf8_lossy(&version.stdout);
        Ok(Self {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            // Without the hash and the date of "rustc 1.95.0 (hash date)".
            compiler: version.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
        })
    }
}

fn processor() -> String {
    let linux = || std::fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(model);
    let mac = || {
        let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|s| !s.is_empty())
    };
    linux().or_else(mac).unwrap_or_else(|| "unknown processor".to_owned())
}

fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_the_first_model_name() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n";
        assert_eq!(model(cpuinfo).as_deref(), Some("AMD EPYC"));
        assert_eq!(model("processor\t: 0\n"), None);
    }
}
