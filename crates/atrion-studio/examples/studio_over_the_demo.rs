// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The service of `cargo xtask demo --studio`: the service of the demo, with Studio over it and
//! overrides switched on. It takes its orders from the demo on standard input and ends with it.

use atrion_license::{Tier, development};
use atrion_studio::{StartError, Studio};

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    atrion_demo::serve(async |atrion| {
        let start = |port: u16| {
            let key = development::key(Tier::Pro);
            async move {
                let studio =
                    Studio::of(atrion).overrides(true).license(key?).address(([127, 0, 0, 1], port).into());
                anyhow::Ok(studio.start().await)
            }
        };
        let studio = match start(7117).await? {
            // Another Studio has the default port.
            Err(StartError::Bind { .. }) => start(0).await??,
            started => started?,
        };
        let url = studio.url();
        tokio::spawn(studio.forever());
        Ok(Some(url))
    })
    .await
}
