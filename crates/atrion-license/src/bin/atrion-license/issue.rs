// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `issue`: signs a license.

use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Context as _;
use atrion_license::{
    Environment, Feature, Kind, LicenseId, OnExpiry, SigningKey, Status, Terms, Tier, UnixTime, development,
};

use crate::{dates, inspect, secret_file};

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("signer").required(true).args(["key", "development"])))]
#[command(group(clap::ArgGroup::new("end").required(true).args(["days", "expires", "endless"])))]
pub(crate) struct Args {
    /// The private key that signs, as `keygen` wrote it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Sign with the development key of the repository, which no release trusts.
    #[arg(long)]
    development: bool,
    /// starter, pro or enterprise.
    #[arg(long)]
    tier: Tier,
    /// The licensee: 1 to 128 characters.
    #[arg(long, value_name = "NAME")]
    sub: String,
    /// Valid for this many days from the moment of issue.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
    /// The first moment after its validity.
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    expires: Option<UnixTime>,
    /// Without an end; for the kind `development` alone.
    #[arg(long)]
    endless: bool,
    /// contract, trial, evaluation or development; gives the defaults of the two below.
    #[arg(long, default_value = "contract")]
    kind: Kind,
    /// Days of grace, 0 to 180 [default: contract 30, trial 7, evaluation 14, development 0].
    #[arg(long, value_name = "N")]
    grace_days: Option<u16>,
    /// After the grace: warn or degrade [default: contract warn, trial and evaluation degrade].
    #[arg(long, value_name = "WHAT")]
    on_expiry: Option<OnExpiry>,
    /// production or non_production.
    #[arg(long, default_value = "production")]
    environment: Environment,
    /// A number, or `unlimited` [default: starter 1, pro 5, enterprise unlimited].
    #[arg(long, value_name = "N", value_parser = clusters)]
    clusters: Option<Clusters>,
    /// Bind the license to clusters of these names [default: any].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    audience: Option<Vec<String>>,
    /// What it covers.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "redis,postgres,studio")]
    features: Vec<Feature>,
    /// The license's id, a ULID [default: a new one].
    #[arg(long, value_name = "ULID")]
    id: Option<LicenseId>,
    /// The moment of issue [default: now].
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    issued: Option<UnixTime>,
    /// The beginning of the validity, not after the moment of issue [default: that moment].
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    starts: Option<UnixTime>,
    /// Write the key to a new file of mode 0600 instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `None` is no limit.
#[derive(Clone, Copy)]
struct Clusters(Option<NonZeroU32>);

fn clusters(text: &str) -> Result<Clusters, String> {
    match text {
        "unlimited" => Ok(Clusters(None)),
        _ => {
            text.parse().map(|n| Clusters(Some(n))).map_err(|_| "a number from 1 on, or unlimited".to_owned())
        }
    }
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let signer = signer(&args)?;
    let out = args.out.clone();
    let terms = terms(args)?;
    let key = signer.issue(&terms)?;

    // The new key is verified as a customer's build verifies it, with the signer trusted.
    let license = signer.verifier()?.verify(&key).context("the new key does not verify")?;
    let status = Status::of(&terms, dates::now());
    eprintln!("{}", inspect::table(&license, status, dates::now()));
    match out {
        None => println!("{}", key.reveal()),
        Some(path) => {
            secret_file::create(&path, key.reveal())?;
            eprintln!("written to {}", path.display());
        }
    }
    Ok(())
}

fn signer(args: &Args) -> anyhow::Result<SigningKey> {
    let Some(path) = &args.key else { return Ok(development::signing_key()) };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("{} holds no private key", path.display()))
}

fn terms(args: Args) -> anyhow::Result<Terms> {
    let issued = args.issued.unwrap_or_else(dates::now);
    let id = match args.id {
        Some(id) => id,
        None => new_id(issued)?,
    };
    let span = args.days.map_or(0, |days| i64::from(days) * 86_400);
    let expires = args.expires.unwrap_or(issued.plus(span));
    let mut terms = Terms::new(id, args.sub, args.tier, issued, expires).with_kind(args.kind);
    if args.endless {
        anyhow::ensure!(
            args.kind == Kind::Development,
            "--endless is for --kind development alone: use --days or --expires"
        );
        terms.expires = None;
    }
    terms.environment = args.environment;
    terms.features = args.features.into_iter().collect();
    terms.audience = args.audience;
    terms.not_before = args.starts.unwrap_or(issued);
    terms.clusters = args.clusters.map_or(terms.clusters, |clusters| clusters.0);
    terms.grace_days = args.grace_days.unwrap_or(terms.grace_days);
    terms.on_expiry = args.on_expiry.unwrap_or(terms.on_expiry);
    Ok(terms)
}

fn new_id(issued: UnixTime) -> anyhow::Result<LicenseId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).context("the operating system gives no randomness")?;
    Ok(LicenseId::from_parts(u64::try_from(issued.seconds()).unwrap_or(0).saturating_mul(1_000), random))
}
