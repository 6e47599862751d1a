// SPDX-License-Identifier: Apache-2.0
//! `[studio]` and `license`, in a binary that has what they are for.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::secret::{Secret, secret};
use super::table::{Item, Table};
use super::values;

/// Where the dashboard is served: on an address of its own, since it asks who is there, and the
/// admin listener does not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Studio {
    /// Where to listen.
    pub address: SocketAddr,
    /// Who has it may look: 43 characters of base64url, 32 bytes. `None`: everybody on this
    /// machine, and nobody else.
    pub token: Option<Secret>,
    /// Whether overrides can be set. They need a token.
    pub overrides: bool,
    /// Names under which browsers reach it beside `localhost` and the address.
    pub hosts: Vec<String>,
}

/// Where the license is, if it is not where the library looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LicenseSource {
    /// In this variable of the environment.
    Variable(String),
    /// In this file, which is looked at again every minute.
    File(PathBuf),
}

pub(super) fn studio(table: &mut Table<'_>) -> Option<Studio> {
    let item = table.get("studio")?;
    if !cfg!(feature = "studio") {
        absent(&item, "the feature `studio`");
        return None;
    }
    Some(item.table()?.whole(settings))
}

fn settings(table: &mut Table<'_>) -> Studio {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7117));
    Studio {
        address: table.read("address", address, |item| {
            item.parse("an address and a port", |value| value.as_str()?.parse().ok())
        }),
        token: table.optional("token", secret),
        overrides: table.read("overrides", false, values::flag),
        hosts: table.read("hosts", Vec::new(), |item| {
            Some(item.items().iter().filter_map(|item| item.text().map(str::to_owned)).collect())
        }),
    }
}

pub(super) fn license(table: &mut Table<'_>) -> Option<LicenseSource> {
    let item = table.get("license")?;
    if !cfg!(any(feature = "redis", feature = "postgres", feature = "studio")) {
        absent(&item, "`redis`, `postgres` and `studio`, which take a license");
        return None;
    }
    item.table()?.whole(|table| {
        let variable = table.optional("env", |item| {
            let is_there = |name: &&str| std::env::var_os(name).is_some();
            item.parse("a variable that the environment has", |value| value.as_str().filter(is_there))
        });
        let file = table.optional("file", |item| {
            item.parse("the path of a file that begins with `/`", |value| {
                value.as_str().filter(|path| path.starts_with('/'))
            })
        });
        match (variable, file) {
            (Some(name), None) => Some(LicenseSource::Variable(name.to_owned())),
            (None, Some(path)) => Some(LicenseSource::File(path.into())),
            (None, None) => None,
            (Some(_), Some(_)) => {
                table.fault("`env` and `file` are two places: leave one out");
                None
            }
        }
    })
}

/// Says that the binary lacks what a setting is for.
pub(super) fn absent(item: &Item<'_>, what: &str) {
    item.fault(format!("this binary was built without {what}: leave it out, or build it in"));
}
