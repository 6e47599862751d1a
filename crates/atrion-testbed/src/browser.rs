// SPDX-License-Identifier: Apache-2.0
//! A browser that tests drive: headless Chromium, over a pipe in its own protocol.
//!
//! The protocol goes over two file descriptors (`--remote-debugging-pipe`), so there is no port, no
//! WebSocket and no driver between. When the pipe closes, because the value was dropped or the test
//! was killed, the browser ends. The complaints of pages (exceptions, violations of their own
//! content policy) are kept for the test to look at.

mod page;
mod pipe;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub use self::page::Page;

use self::pipe::Pipe;
use crate::keeper::is_root;
use crate::{Server, ServerError, locate};

/// A headless browser with a profile of its own.
#[derive(Debug)]
pub struct Browser {
    pipe: Arc<Pipe>,
    // In this order: the browser ends before its folder goes.
    _process: Child,
    _profile: TempDir,
}

/// Why the browser did not do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// There is none.
    #[error(transparent)]
    Missing(#[from] ServerError),
    /// It could not be started.
    #[error("cannot start the browser: {0}")]
    Start(#[from] std::io::Error),
    /// It has ended, or does not answer.
    #[error("the browser did not answer `{0}`")]
    Silent(String),
    /// It refused a command.
    #[error("the browser refused `{method}`: {answer}")]
    Refused {
        /// The command.
        method: String,
        /// What it said.
        answer: String,
    },
    /// A script of the test threw.
    #[error("the script `{script}` threw: {what}")]
    Threw {
        /// The script.
        script: String,
        /// What it threw.
        what: String,
    },
    /// The condition that was waited for did not come.
    #[error("`{condition}` did not become true within {within:?}; the page says: {text}")]
    TimedOut {
        /// The condition.
        condition: String,
        /// How long it was waited for.
        within: Duration,
        /// What the page shows.
        text: String,
    },
}

const FLAGS: [&str; 13] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--mute-audio",
    "--remote-debugging-pipe",
];

/// Descriptors 3 and 4 are the pipe, as the browser wants it; its own output is dropped.
const SCRIPT: &str = r#"exec 3<&0 4>&1 </dev/null >/dev/null 2>&1; exec "$@""#;

impl Browser {
    /// Starts one.
    ///
    /// # Errors
    /// [`BrowserError`] if there is none, or it does not answer.
    pub async fn start() -> Result<Self, BrowserError> {
        let programs = locate(Server::Chromium)?;
        let profile = tempfile::Builder::new().prefix("atrion-browser-").tempdir()?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "atrion-test-browser"]).arg(&programs.server).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        if is_root() {
            // The sandbox refuses root. Tests open no pages but their own.
            command.arg("--no-sandbox");
        }
        if let Some(libraries) = &programs.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
            // Unpacked and not installed, it does not find its fonts by itself.
            let fonts = profile.path().join("fonts.conf");
            std::fs::write(&fonts, font_configuration(profile.path()))?;
            command.env("FONTCONFIG_FILE", fonts);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let none = || std::io::Error::other("no pipe");
        let (to, from) = (process.stdin.take().ok_or_else(none)?, process.stdout.take().ok_or_else(none)?);
        let browser = Self { pipe: Pipe::new(to, from), _process: process, _profile: profile };
        browser.pipe.call(None, "Browser.getVersion", json!({})).await?;
        Ok(browser)
    }

    /// Opens an empty page of that size, in CSS pixels, with cookies and storage of its own.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn page(&self, width: u32, height: u32) -> Result<Page, BrowserError> {
        let context = self.pipe.call(None, "Target.createBrowserContext", json!({})).await?;
        self.open(context["browserContextId"].clone(), width, height).await
    }

    /// Opens another tab beside a page: cookies, storage and connections are those of that page.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn tab(&self, beside: &Page, width: u32, height: u32) -> Result<Page, BrowserError> {
        self.open(beside.context().clone(), width, height).await
    }

    async fn open(&self, context: Value, width: u32, height: u32) -> Result<Page, BrowserError> {
        let wanted = json!({ "url": "about:blank", "browserContextId": context });
        let target = self.pipe.call(None, "Target.createTarget", wanted).await?;
        let wanted = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.pipe.call(None, "Target.attachToTarget", wanted).await?;
        let session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        let page = Page::new(Arc::clone(&self.pipe), session, context);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), Value::Object(serde_json::Map::new())).await?;
        }
        page.resize(width, height).await?;
        Ok(page)
    }
}

fn font_configuration(cache: &std::path::Path) -> String {
    let fonts = crate::home().join("root/usr/share/fonts");
    format!(
        "<?xml version=\"1.0\"?><fontconfig><dir>{}</dir><dir>/usr/share/fonts</dir><cachedir>{}</cachedir></fontconfig>",
        fonts.display(),
        cache.display()
    )
}
