// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The service of the demo in trouble, with Studio over it, and a browser.

use std::time::Duration;

use anyhow::Context as _;
use atrion_demo::{Phase, Scene};
use atrion_engine::Atrion;
use atrion_license::{Tier, development};
use atrion_studio::{Running, Studio};
use atrion_testbed::{Browser, Page};

pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The service of the demo: calm, overloaded, and then without its dependency until the end.
pub(crate) async fn outage() -> anyhow::Result<Scene> {
    let phases = [
        (Phase::Warmup, seconds(2)),
        (Phase::Calm, seconds(2)),
        (Phase::Overload, seconds(4)),
        (Phase::Outage, seconds(120)),
    ];
    Scene::play(12, &phases).await
}

/// Studio over an instance, on that port (0 is any), with overrides and a license.
pub(crate) async fn studio(atrion: &Atrion, port: u16) -> anyhow::Result<Running> {
    let key = development::key(Tier::Pro)?;
    let address = ([127, 0, 0, 1], port).into();
    Ok(Studio::of(atrion).overrides(true).license(key).address(address).start().await?)
}

/// A page that has signed in and shows live data.
pub(crate) async fn open(
    browser: &Browser,
    studio: &Running,
    width: u32,
    height: u32,
) -> anyhow::Result<Page> {
    let page = browser.page(width, height).await?;
    page.goto(&studio.url()).await?;
    page.wait("document.getElementById('link').dataset.state === 'live'", SOON).await.context("sign in")?;
    Ok(page)
}

/// Goes to a view by its name, as a click on its tab would.
pub(crate) async fn go(page: &Page, view: &str) -> anyhow::Result<()> {
    page.eval(&format!("location.hash = '#/{view}'")).await?;
    page.wait("document.querySelector('main h1')", SOON).await?;
    Ok(())
}

/// The route of the demo that needs the dependency.
pub(crate) const SICK: &str = "GET /checkout/{cart}";

/// The gate of the whole service, which all requests of the demo pass.
pub(crate) const ALL: &str = "@service";

/// The address of the view of a route.
pub(crate) fn view_of(route: &str) -> String {
    let encoded: String = route.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("route/{encoded}")
}

/// Waits until a number of pulses of a route are kept for a replay.
pub(crate) async fn until_kept(page: &Page, route: &str, pulses: u64) -> anyhow::Result<()> {
    let ask = "fetch('/studio/v1/whatif').then((answer) => answer.json())";
    let deadline = tokio::time::Instant::now() + 2 * SOON;
    loop {
        let kept = page.eval(ask).await?;
        let found = kept["routes"].as_array().and_then(|all| all.iter().find(|one| one["route"] == route));
        if found.is_some_and(|found| found["pulses"].as_u64() >= Some(pulses)) {
            return Ok(());
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "not so much is kept: {kept}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
