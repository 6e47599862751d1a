// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Many tabs of one browser. It has six connections for a host, so streams must not take them.

use std::time::Instant;

use atrion_engine::Atrion;
use atrion_license::{Tier, development};
use atrion_studio::{Running, Studio};
use atrion_testbed::{Browser, Page};
use serde_json::json;

use crate::world::{SOON, go, open, studio};

/// A tab that hears nothing of the others while it is deaf.
const CAN_BE_DEAF: &str = "window.deaf = false; \
     window.BroadcastChannel = class extends BroadcastChannel { \
       set onmessage(hear) { super.onmessage = (message) => window.deaf || hear(message); } \
     };";

const LIVE: &str = "document.getElementById('link').dataset.state === 'live'";

/// Waits until the page has heard of a route.
async fn knows(page: &Page, route: &str) {
    go(page, "routes").await.unwrap();
    let names = "[...document.querySelectorAll('table.routes tbody th')].map((one) => one.textContent)";
    page.wait(&format!("{names}.includes({})", json!(route)), SOON).await.unwrap();
}

async fn until_watched_once(studio: &Running) {
    let begin = Instant::now();
    while studio.clients() != 1 {
        assert!(begin.elapsed() < SOON, "{} streams", studio.clients());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

pub(crate) async fn nine_tabs_of_a_browser_share_one_stream() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let mut tabs = vec![open(&browser, &studio, 900, 700).await.unwrap()];
    for _ in 0..8 {
        let tab = browser.tab(&tabs[0], 900, 700).await.unwrap();
        let script = json!({ "source": CAN_BE_DEAF });
        tab.call("Page.addScriptToEvaluateOnNewDocument", script).await.unwrap();
        tab.goto(&format!("http://{}/", studio.address())).await.unwrap();
        tab.wait(LIVE, SOON).await.unwrap();
        tabs.push(tab);
    }
    until_watched_once(&studio).await;
    let last = tabs.pop().unwrap();
    let _ = atrion.route("first");
    knows(&last, "first").await;
    // Whatever is asked for is answered, changes too.
    let wish =
        json!({ "route": "first", "kind": "force_open", "reason": "a test", "author": "me", "seconds": 60 });
    let ask = format!(
        "fetch('studio/v1/overrides', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: \
         JSON.stringify({wish}), signal: AbortSignal.timeout(10000) }}).then((answer) => answer.status)"
    );
    assert_eq!(last.eval(&ask).await.unwrap(), 204);

    // The tab that had the stream goes, and the others stay live.
    let first = tabs.remove(0);
    first.call("Page.close", json!({})).await.unwrap();
    let _ = atrion.route("second");
    knows(&last, "second").await;
    until_watched_once(&studio).await;

    // A tab that hears nothing for too long takes the lead from the one that is silent.
    let silence = "(() => {
      const [link, now] = [document.getElementById('link'), Date.now];
      window.states = [];
      new MutationObserver(() => states.push(link.dataset.state)).observe(link, { attributes: true });
      window.deaf = true;
      Date.now = () => now() + 60000;
    })()";
    last.eval(silence).await.unwrap();
    last.wait("states.includes('lost') && states.at(-1) === 'live'", SOON).await.unwrap();
    let _ = atrion.route("third");
    knows(&last, "third").await;
    until_watched_once(&studio).await;

    assert_eq!(last.complaints(), Vec::<String>::new());
    // Signing out on one is signing out on all.
    last.click("#leave").await.unwrap();
    for tab in tabs.iter().chain([&last]) {
        tab.wait("document.querySelector('main h1')?.textContent.includes('Sign in')", SOON).await.unwrap();
    }
}

pub(crate) async fn without_locks_a_hidden_tab_has_no_stream() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let key = development::key(Tier::Pro).unwrap();
    let studio = Studio::of(&atrion).license(key).address(([127, 0, 0, 1], 0).into()).start().await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = browser.page(900, 700).await.unwrap();
    // As on a page that is neither local nor over TLS; and hidden when the test says so.
    let script = "delete Navigator.prototype.locks; window.away = false; \
                  Object.defineProperty(Document.prototype, 'hidden', { get: () => window.away });";
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await.unwrap();
    page.goto(&studio.url()).await.unwrap();
    page.wait(LIVE, SOON).await.unwrap();
    let turn =
        |away: bool| format!("window.away = {away}; document.dispatchEvent(new Event('visibilitychange'))");
    page.eval(&turn(true)).await.unwrap();
    page.wait("document.title.startsWith('‖ paused')", SOON).await.unwrap();
    let begin = Instant::now();
    while studio.clients() > 0 {
        assert!(begin.elapsed() < SOON, "{} streams", studio.clients());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let _ = atrion.route("meanwhile");
    page.eval(&turn(false)).await.unwrap();
    page.wait(LIVE, SOON).await.unwrap();
    knows(&page, "meanwhile").await;
    assert_eq!(page.complaints(), Vec::<String>::new());
}
