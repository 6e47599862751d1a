// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Pictures of every view over the service of the demo in an outage: `cargo xtask studio
//! --screenshots DIR`. Without a folder they go under `target/`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use atrion_engine::{Atrion, Override};
use atrion_state::OverrideKind;
use atrion_testbed::{Browser, Page};

#[path = "../tests/browser/fleet.rs"]
mod fleet;
#[path = "../tests/browser/world.rs"]
mod world;

use world::{ALL, SICK, SOON, go, open, outage, seconds, studio, until_kept, view_of};

const DEFAULT_FOLDER: &str = "target/studio-pictures";
const WIDE: (u32, u32) = (1_440, 900);

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from(DEFAULT_FOLDER), PathBuf::from);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let scene = outage().await?;
    let studio_ = studio(scene.atrion(), 0).await?;
    let browser = Browser::start().await?;
    let page = open(&browser, &studio_, WIDE.0, WIDE.1).await?;
    until_kept(&page, ALL, 200).await?;
    let route = view_of(SICK);
    for scheme in ["light", "dark"] {
        page.prefer(scheme, "reduce").await?;
        for view in ["overview", "routes", &route, "fleet", "events", "overrides", "license"] {
            shoot(&page, &folder, view, scheme).await?;
        }
        what_if(&page).await?;
        save(&page, &folder, "whatif", scheme).await?;
    }
    // As high as the whole page on a phone.
    for (scheme, name) in [("dark", "narrow"), ("light", "narrow-light")] {
        page.prefer(scheme, "reduce").await?;
        page.resize(360, 1_500).await?;
        for view in ["overview", "routes", &route, "fleet", "events", "overrides", "license"] {
            shoot(&page, &folder, view, name).await?;
        }
        page.resize(360, 740).await?;
        what_if(&page).await?;
        save(&page, &folder, "whatif", name).await?;
        page.resize(360, 2_600).await?;
        save(&page, &folder, "whatif-whole", name).await?;
    }
    page.resize(WIDE.0, WIDE.1).await?;
    go(&page, "overview").await?;
    studio_.stop();
    page.wait("document.body.classList.contains('stale')", SOON).await?;
    draw(&page, &folder, "overview", "no-connection").await?;
    quiet(&browser, &folder).await?;
    let fleet = fleet::service().await?;
    let over_the_fleet = studio(&fleet, 0).await?;
    let page = open(&browser, &over_the_fleet, WIDE.0, WIDE.1).await?;
    for scheme in ["light", "dark"] {
        page.prefer(scheme, "reduce").await?;
        shoot(&page, &folder, "fleet", &format!("of-nodes-{scheme}")).await?;
    }
    page.resize(360, 1_500).await?;
    shoot(&page, &folder, "fleet", "of-nodes-narrow").await?;
    Ok(())
}

/// Studio just after its start, without requests; then a route with an override.
async fn quiet(browser: &Browser, folder: &Path) -> anyhow::Result<()> {
    let atrion = Atrion::builder().connect().await?;
    let over_nothing = studio(&atrion, 0).await?;
    let page = open(browser, &over_nothing, WIDE.0, WIDE.1).await?;
    for view in ["overview", "routes", "events", "whatif"] {
        shoot(&page, folder, view, "quiet").await?;
    }
    let held = atrion.route("payments.charge");
    let wanted = Override {
        kind: OverrideKind::ForceClosed,
        reason: "the callee is being moved, ask in #payments [ana]".to_owned(),
        time_to_live: seconds(900),
    };
    atrion.overrides().set(&held, wanted)?;
    for view in ["overview", "overrides", &view_of("payments.charge")] {
        shoot(&page, folder, view, "by-hand").await?;
    }
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
    draw(page, folder, view, variant).await?;
    let complaints = page.complaints();
    anyhow::ensure!(complaints.is_empty(), "the page complains: {}", complaints.join("\n"));
    Ok(())
}

async fn draw(page: &Page, folder: &Path, view: &str, variant: &str) -> anyhow::Result<()> {
    page.wait("document.fonts.status === 'loaded'", SOON).await?;
    // Two looks, so that everything has been drawn at its size.
    tokio::time::sleep(seconds(2)).await;
    let name = view.split('/').next().unwrap_or(view);
    let path = folder.join(format!("{name}-{variant}.png"));
    let picture = page.picture().await?;
    std::fs::write(&path, &picture).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} ({} kB)", path.display(), picture.len() / 1_000);
    Ok(())
}
