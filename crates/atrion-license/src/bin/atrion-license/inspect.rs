// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! `inspect`: what a license says, and where it stands.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use atrion_license::{
    License, LicenseError, LicenseFault, OnExpiry, PublicKey, Reading, Signer, Sources, Status, UnixTime,
    Verifier,
};

use crate::dates;
use crate::table::Table;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A file with a key, or - for standard input [default: where a service would look].
    file: Option<String>,
    /// Judge it as of this moment: 2027-03-01 or 2027-03-01T12:00:00Z [default: now].
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    at: Option<UnixTime>,
    /// Trust this public key, too; may be repeated. A release trusts the embedded ones alone.
    #[arg(long, value_name = "FILE")]
    public: Vec<PathBuf>,
    /// Trust the development key, too, as no release does.
    #[arg(long)]
    development: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let verifier = verifier(args)?;
    let now = args.at.unwrap_or_else(dates::now);
    let reading = read(args.file.as_deref())?;
    if reading.world_readable {
        eprintln!("warning: every user of this machine may read the key's file: chmod o-r");
    }
    Ok(match reading.verify(&verifier) {
        Ok(license) => {
            let status = license.status(now);
            println!("{}", table(&license, status, now));
            ExitCode::from(exit_code(status))
        }
        Err(fault) => {
            println!("{}", refusal(&fault));
            ExitCode::from(INVALID)
        }
    })
}

/// A key that the clock cannot judge must not pass for a good one before a deploy.
const INVALID: u8 = 6;

fn exit_code(status: Status) -> u8 {
    match status {
        Status::Active { .. } => 0,
        Status::Expiring { .. } => 3,
        Status::Grace { .. } => 4,
        Status::Expired { .. } => 5,
        _ => INVALID,
    }
}

fn verifier(args: &Args) -> anyhow::Result<Verifier> {
    let mut verifier = if args.development { Verifier::embedded() } else { Verifier::vendor() };
    for path in &args.public {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let key: PublicKey =
            text.parse().with_context(|| format!("{} holds no public key", path.display()))?;
        verifier = verifier.trusting(key);
    }
    Ok(verifier)
}

fn read(file: Option<&str>) -> anyhow::Result<Reading> {
    match file {
        None => Ok(Sources::standard().read()),
        Some("-") => {
            // One byte more than any key may have, so that a longer input is refused as too long.
            let mut text = Vec::new();
            std::io::stdin()
                .take(8 * 1024 + 1)
                .read_to_end(&mut text)
                .context("cannot read standard input")?;
            Ok(Sources::stream(text).read())
        }
        Some(path) => Ok(Sources::file(path).read()),
    }
}

/// The license as a table of 80 columns.
pub(crate) fn table(license: &License, status: Status, now: UnixTime) -> Table {
    let terms = license.terms();
    let signer = match license.signer() {
        Signer::Vendor => "the vendor's",
        Signer::Development => "the development key: no release trusts it",
        _ => "not one of this build's keys",
    };
    let mut table = Table::new(format!("License {}", terms.id));
    table.row("status", status);
    table.row("at", now);
    table.gap();
    table.row("licensee", &terms.licensee);
    table.row("tier", terms.tier);
    table.row("kind", terms.kind);
    table.row("environment", terms.environment);
    table.row("clusters", terms.clusters.map_or("unlimited".to_owned(), |n| n.to_string()));
    table.row("audience", terms.audience.as_ref().map_or("any cluster".to_owned(), |names| names.join(", ")));
    table.row("features", list(terms.features.iter().map(|feature| feature.name())));
    table.gap();
    table.row("issued", terms.issued);
    table.row("valid from", terms.not_before);
    match terms.expires {
        None => table.row("expires", "never"),
        Some(expires) => {
            let end = expires.plus(i64::from(terms.grace_days) * 86_400);
            table.row("expires", expires);
            table.row("grace", format!("{} days, until {end}", terms.grace_days));
            table.row(
                "after grace",
                match terms.on_expiry {
                    OnExpiry::Degrade => "degrade: what is started then falls back to memory",
                    _ => "warn: everything stays on",
                },
            );
        }
    }
    table.row("signed by", format!("{} ({signer})", license.kid()));
    table
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { "none".to_owned() } else { names }
}

fn refusal(fault: &LicenseFault) -> Table {
    let mut table = Table::new("License".to_owned());
    table.row("status", "invalid");
    if let Some(source) = &fault.source {
        table.row("source", source);
    }
    table.row("reason", &fault.error);
    if matches!(fault.error, LicenseError::UnknownKeyId { .. }) {
        table.row(
            "hint",
            "--public FILE trusts a public key that is not embedded yet, --development the development key",
        );
    }
    table
}
