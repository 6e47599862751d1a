// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Pictures of every view over the demo's service in an outage: `cargo xtask studio --screenshots DIR`. Without a
//! folder they go under `target/`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use atrion_testkit::servers::{Browser, Page};

#[path = "../tests/browser/fleet.rs"]
mod fleet;
#[path = "../tests/browser/world.rs"]
mod world;

use world::{ALL, SICK, SOON, go, open, outage, seconds, studio, view_of};

const DEFAULT_FOLDER: &str = "target/studio-pictures";

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from(DEFAULT_FOLDER), PathBuf::from);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let scene = outage().await?;
    let studio_ = studio(scene.atrion(), 0).await?;
    let browser = Browser::start().await?;
    let page = open(&browser, &studio_, 1440, 900).await?;
    tokio::time::sleep(seconds(24)).await;
    let route = view_of(SICK);
    for scheme in ["light", "dark"] {
        page.prefer(scheme, "reduce").await?;
        for view in ["overview", "routes", &route, "fleet", "events", "overrides", "licence"] {
            shoot(&page, &folder, view, scheme).await?;
        }
        what_if(&page).await?;
        save(&page, &folder, "whatif", scheme).await?;
    }
    page.resize(360, 740).await?;
    for view in ["overview", "routes", &route, "overrides"] {
        shoot(&page, &folder, view, "narrow").await?;
    }
    what_if(&page).await?;
    save(&page, &folder, "whatif", "narrow").await?;
    let fleet = fleet::service().await?;
    let over_the_fleet = studio(&fleet, 0).await?;
    let page = open(&browser, &over_the_fleet, 1440, 900).await?;
    shoot(&page, &folder, "fleet", "of-nodes").await?;
    Ok(())
}

/// A run with a change: a call is late after 150 ms.
async fn what_if(page: &Page) -> anyhow::Result<()> {
    go(page, "overview").await?;
    go(page, &format!("whatif/{}", ALL.replace(' ', "%20"))).await?;
    page.wait("document.querySelectorAll('form.whatif .field input').length > 3", SOON).await?;
    page.eval("document.querySelector('form.whatif .field input').select()").await?;
    page.write("150").await?;
    page.press("Enter").await?;
    page.wait(
        "document.querySelector('[role=status].subline').textContent.includes('with the change')",
        SOON,
    )
    .await?;
    Ok(())
}

async fn shoot(page: &Page, folder: &Path, view: &str, variant: &str) -> anyhow::Result<()> {
    go(page, view).await?;
    save(page, folder, view, variant).await
}

async fn save(page: &Page, folder: &Path, view: &str, variant: &str) -> anyhow::Result<()> {
    page.wait("document.fonts.status === 'loaded'", SOON).await?;
    // Two looks, so that everything has been drawn at its size.
    tokio::time::sleep(seconds(2)).await;
    let name = view.split('/').next().unwrap_or(view);
    let path = folder.join(format!("{name}-{variant}.png"));
    let picture = page.picture().await?;
    std::fs::write(&path, &picture).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} ({} kB)", path.display(), picture.len() / 1_000);
    let complaints = page.complaints();
    anyhow::ensure!(complaints.is_empty(), "the page complains: {}", complaints.join("\n"));
    Ok(())
}
