// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `keygen`: a key pair from the operating system's randomness.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use atrion_license::SigningKey;

use crate::secret_file;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder for `<kid>.private` (mode 0600) and `<kid>.public`; created if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the operating system gives no randomness")?;
    let key = SigningKey::from_seed(&seed);
    let public = key.public().context("the key that was drawn is unfit; try again")?;

    fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let path = |kind: &str| args.out.join(format!("{}.{kind}", key.kid()));
    secret_file::create(&path("private"), &key.reveal())?;
    secret_file::create_public(&path("public"), &public.to_string())?;

    println!("key id   {}", key.kid());
    println!("private  {}", path("private").display());
    println!("public   {}", path("public").display());
    println!();
    println!("Keep the private file offline and out of every repository. A build trusts the public");
    println!("one when it is in crates/atrion-license/keys: see docs/licensing.md, key ceremony.");
    Ok(())
}
