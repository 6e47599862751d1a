// SPDX-License-Identifier: Apache-2.0
//! `[otlp]`: where metrics are pushed to.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::secret::secret;
use super::table::{Item, Table};
use super::values;

/// A collector that takes metrics by OTLP over gRPC, beside the page for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Otlp {
    /// Where: `http://host:4317`, or `https://` with `ca`.
    pub endpoint: Uri,
    /// Whose certificates are believed, as PEM; for `https` alone.
    pub ca: Option<PathBuf>,
    /// The time between two pushes.
    pub interval: Duration,
    /// How long a push may take.
    pub timeout: Duration,
    /// What is sent with each push, such as credentials. `Debug` does not show the values.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The attribute `service.name`. Others come from the environment's `OTEL_RESOURCE_ATTRIBUTES`.
    pub service: String,
}

pub(super) fn otlp(table: &mut Table<'_>) -> Option<Otlp> {
    let endpoint = table.required("endpoint", endpoint);
    let ca = table.optional("ca", values::path);
    if let Some(endpoint) = &endpoint
        && (endpoint.scheme_str() == Some("https")) != ca.is_some()
    {
        table.fault("`ca` and an `endpoint` with https:// go together: write both, or neither");
    }
    let interval = table.read("interval", Duration::from_secs(30), values::duration);
    let timeout = table.read("timeout", Duration::from_secs(10), values::duration);
    let headers = table.get("headers").map(|item| headers(&item)).unwrap_or_default();
    let service = table.read("service", "atrion-gateway".to_owned(), |item| item.text().map(str::to_owned));
    Some(Otlp { endpoint: endpoint?, ca, interval, timeout, headers, service })
}

fn endpoint(item: &Item<'_>) -> Option<Uri> {
    let read = |text: &str| {
        let uri: Uri = text.parse().ok()?;
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        // It would be in logs.
        let has_user = uri.authority().is_none_or(|authority| authority.as_str().contains('@'));
        (is_known && !has_user).then_some(uri)
    };
    let endpoint = read(item.text()?);
    if endpoint.is_none() {
        // There may be a password in it.
        item.fault("must be http://host:port or https://host:port, without a user");
    }
    endpoint
}

fn headers(item: &Item<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let Some(table) = item.table() else { return Vec::new() };
    let header = |(name, item): (&str, Item<'_>)| {
        let Ok(name) = name.parse::<HeaderName>() else {
            item.fault("must have the name of a header");
            return None;
        };
        let Ok(mut value) = HeaderValue::try_from(secret(&item)?.reveal()) else {
            item.fault("must be visible characters, as in a header");
            return None;
        };
        value.set_sensitive(true);
        Some((name, value))
    };
    table.entries().filter_map(header).collect()
}
