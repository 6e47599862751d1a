// SPDX-License-Identifier: Apache-2.0
//! One page: go, look, click, type, take a picture.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::BrowserError;
use super::pipe::Pipe;

/// A page, or a tab of one.
#[derive(Debug)]
pub struct Page {
    pipe: Arc<Pipe>,
    session: String,
    /// The profile that its cookies and its storage are in.
    context: Value,
}

impl Page {
    pub(super) fn new(pipe: Arc<Pipe>, session: String, context: Value) -> Self {
        Self { pipe, session, context }
    }

    pub(super) fn context(&self) -> &Value {
        &self.context
    }

    /// A command of the browser's own protocol.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses or does not answer.
    pub async fn call(&self, method: &str, parameters: Value) -> Result<Value, BrowserError> {
        self.pipe.call(Some(&self.session), method, parameters).await
    }

    /// Opens an address.
    ///
    /// # Errors
    /// [`BrowserError`] if nothing answers there.
    pub async fn goto(&self, url: &str) -> Result<(), BrowserError> {
        let gone = self.call("Page.navigate", json!({ "url": url })).await?;
        match gone.get("errorText") {
            Some(why) => {
                Err(BrowserError::Refused { method: format!("go to {url}"), answer: why.to_string() })
            }
            None => Ok(()),
        }
    }

    /// Evaluates a script, waits for it if it is a promise, and gives its value.
    ///
    /// # Errors
    /// [`BrowserError::Threw`] if it throws.
    pub async fn eval(&self, script: &str) -> Result<Value, BrowserError> {
        let wanted = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", wanted).await?;
        match answer.get("exceptionDetails") {
            Some(what) => Err(BrowserError::Threw { script: script.to_owned(), what: what.to_string() }),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// Waits until a script is true.
    ///
    /// # Errors
    /// [`BrowserError::TimedOut`] if it does not become so.
    pub async fn wait(&self, condition: &str, within: Duration) -> Result<(), BrowserError> {
        let deadline = Instant::now() + within;
        loop {
            // While a page loads a script can fail; that counts as not yet.
            if self.eval(&format!("Boolean({condition})")).await.is_ok_and(|value| value == true) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let text = self.eval("document.body.innerText").await.unwrap_or_default();
                let text = text.as_str().unwrap_or_default().chars().take(1_000).collect();
                return Err(BrowserError::TimedOut { condition: condition.to_owned(), within, text });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sets the size, in CSS pixels.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn resize(&self, width: u32, height: u32) -> Result<(), BrowserError> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size).await.map(drop)
    }

    /// Prefers dark or light, and motion or none, as a system's setting does.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn prefer(&self, scheme: &str, motion: &str) -> Result<(), BrowserError> {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await.map(drop)
    }

    /// Clicks in the middle of the first element that a selector finds.
    ///
    /// # Errors
    /// [`BrowserError::Threw`] if it finds none.
    pub async fn click(&self, selector: &str) -> Result<(), BrowserError> {
        let find = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center'}}); const r = \
             e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()",
            json!(selector)
        );
        let at = self.eval(&find).await?;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Types into the element that has the focus.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn write(&self, text: &str) -> Result<(), BrowserError> {
        self.call("Input.insertText", json!({ "text": text })).await.map(drop)
    }

    /// Presses a key: `Tab`, `Enter`, `ArrowLeft`, …
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn press(&self, key: &str) -> Result<(), BrowserError> {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            " " => 32,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
            // A button of a form acts on the character, not on the key.
            if key == "Enter" && kind == "keyDown" {
                event["text"] = "\r".into();
            }
            self.call("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// A picture of what can be seen, as PNG.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser refuses.
    pub async fn picture(&self) -> Result<Vec<u8>, BrowserError> {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" })).await?;
        let refused = || BrowserError::Refused {
            method: "Page.captureScreenshot".to_owned(),
            answer: "no picture".to_owned(),
        };
        STANDARD.decode(answer["data"].as_str().ok_or_else(refused)?).map_err(|_| refused())
    }

    /// The complaints of the page since the last call: exceptions, and violations of its own
    /// policy.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.pipe.take_complaints(&self.session)
    }
}
