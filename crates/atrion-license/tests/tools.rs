// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The command, as it is typed: keygen, issue, inspect, their files, exit codes and tables.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with a key pair of its own.
struct Vendor {
    folder: TempDir,
    kid: String,
}

impl Vendor {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = run(["keygen", "--out", folder.path().join("keys").to_str().unwrap()], "");
        assert!(output.status.success(), "{output:?}");
        let names = fs::read_dir(folder.path().join("keys")).unwrap();
        let name = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let kid = name.into_iter().find_map(|name| name.strip_suffix(".private").map(str::to_owned)).unwrap();
        Self { folder, kid }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.folder.path().join("keys").join(format!("{}.{kind}", self.kid))
    }

    fn issue(&self, args: &str) -> Output {
        let private = self.file("private");
        let fixed = ["issue", "--key", private.to_str().unwrap(), "--sub", "Example GmbH"];
        run(fixed.into_iter().chain(args.split_whitespace()), "")
    }

    /// Inspects what [`Self::issue`] printed; the exit code and the table.
    fn inspect(&self, key: &str, at: &str) -> (i32, String) {
        let public = self.file("public");
        let output = run(["inspect", "-", "--public", public.to_str().unwrap(), "--at", at], key);
        (output.status.code().unwrap(), text(&output.stdout))
    }
}

fn run<'a>(args: impl IntoIterator<Item = &'a str>, input: &str) -> Output {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn command<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atrion-license"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("ATRION_LICENSE_KEY").env_remove("ATRION_LICENSE_FILE");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The value of a row.
fn row<'a>(table: &'a str, label: &str) -> &'a str {
    let line = table
        .lines()
        .find(|line| line.starts_with(&format!("{label} ")))
        .unwrap_or_else(|| panic!("{label}: {table}"));
    line[label.len()..].trim()
}

#[test]
fn a_private_key_is_for_its_owner_alone_and_is_never_overwritten() {
    let vendor = Vendor::new();
    let private = fs::read_to_string(vendor.file("private")).unwrap();
    assert!(private.starts_with(&format!("atrion_private_v1.{}.", vendor.kid)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(vendor.file("private")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let key = vendor.file("key");
    let args = format!("--tier pro --days 9 --out {}", key.display());
    assert!(vendor.issue(&args).status.success());
    let again = vendor.issue(&args);
    assert!(!again.status.success() && text(&again.stderr).contains("cannot create"), "{again:?}");
    assert!(again.stdout.is_empty());
}

#[test]
fn what_was_issued_is_what_is_inspected() {
    let vendor = Vendor::new();
    let output = vendor.issue(
        "--tier starter --issued 2026-01-01 --starts 2025-12-31 --expires 2027-01-01T12:00:00Z --kind evaluation \
         --environment non_production --clusters 12 --audience eu,us --features redis --grace-days 3 --on-expiry warn \
         --id 01ARYZ6S41ZZZZZZZZZZZZZZZZ",
    );
    assert!(output.status.success(), "{output:?}");
    let (code, table) = vendor.inspect(&text(&output.stdout), "2026-06-01");
    assert_eq!(code, 0, "{table}");
    for (label, value) in [
        ("License", "01ARYZ6S41ZZZZZZZZZZZZZZZZ"),
        ("status", "active, 214 days left"),
        ("at", "2026-06-01T00:00:00Z"),
        ("licensee", "Example GmbH"),
        ("tier", "starter"),
        ("kind", "evaluation"),
        ("environment", "non_production"),
        ("clusters", "12"),
        ("audience", "eu, us"),
        ("features", "redis"),
        ("issued", "2026-01-01T00:00:00Z"),
        ("valid from", "2025-12-31T00:00:00Z"),
        ("expires", "2027-01-01T12:00:00Z"),
        ("grace", "3 days, until 2027-01-04T12:00:00Z"),
        ("after grace", "warn: everything stays on"),
    ] {
        assert_eq!(row(&table, label), value, "{table}");
    }
    assert!(row(&table, "signed by").starts_with(&vendor.kid));
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[test]
fn tiers_and_kinds_bring_their_defaults() {
    let vendor = Vendor::new();
    for (args, clusters, grace, after) in [
        ("--tier starter", "1", "30 days", "warn"),
        ("--tier pro --kind trial", "5", "7 days", "degrade"),
        ("--tier enterprise --kind evaluation", "unlimited", "14 days", "degrade"),
        ("--tier starter --clusters unlimited", "unlimited", "30 days", "warn"),
    ] {
        let output = vendor.issue(&format!("{args} --issued 2026-01-01 --days 365"));
        let (_, table) = vendor.inspect(&text(&output.stdout), "2026-01-02");
        assert_eq!(row(&table, "clusters"), clusters, "{table}");
        assert!(
            row(&table, "grace").starts_with(grace) && row(&table, "after grace").starts_with(after),
            "{table}"
        );
        assert_eq!(row(&table, "expires"), "2027-01-01T00:00:00Z");
    }
}

#[test]
fn the_exit_code_tells_the_status() {
    let vendor = Vendor::new();
    let output = vendor.issue("--tier pro --issued 2026-01-01 --expires 2027-01-01");
    let key = text(&output.stdout);
    for (at, code, status) in [
        ("2026-01-01", 0, "active"),
        ("2026-12-01", 0, "active, 31 days left"),
        ("2026-12-02", 3, "expiring, 30 days left"),
        ("2026-12-31T23:59:59Z", 3, "expiring, 1 second left"),
        ("2027-01-01", 4, "expired, 30 days of grace left"),
        ("2027-01-30T23:59:59Z", 4, "expired, 1 second of grace left"),
        ("2027-01-31", 5, "expired, grace over for 0 seconds"),
        ("2040-01-01", 5, "expired, grace over"),
        ("2025-12-31T12:00:00Z", 6, "not valid yet"),
        ("2025-12-01", 6, "clock suspect"),
    ] {
        let (seen, table) = vendor.inspect(&key, at);
        assert_eq!(seen, code, "{at}: {table}");
        assert!(row(&table, "status").starts_with(status), "{at}: {table}");
    }
}

#[test]
fn what_is_invalid_exits_with_6_says_why_and_shows_no_key() {
    let vendor = Vendor::new();
    let key = text(&vendor.issue("--tier pro --days 9").stdout);
    for (input, code) in [
        (key.replacen("_pro_", "_ent_", 1), "[ATL-08]"),
        ("hunter2".to_owned(), "[ATL-04]"),
        (String::new(), "[ATL-04]"),
        (key[..key.len() - 9].to_owned(), "[ATL-06]"),
        ("a".repeat(10_000), "[ATL-03]"),
    ] {
        let (seen, table) = vendor.inspect(&input, "2026-01-01");
        assert_eq!(seen, 6, "{table}");
        assert!(row(&table, "reason").starts_with(code), "{table}");
        assert!(!table.contains(&key[40..60]), "{table}");
    }
    // Without its public half the same key is from a stranger.
    let output = run(["inspect", "-"], &key);
    assert_eq!(output.status.code(), Some(6));
    assert!(
        text(&output.stdout).contains("[ATL-07]") && text(&output.stdout).contains("--public"),
        "{output:?}"
    );
}

#[test]
fn inspect_reads_files_and_looks_where_a_service_looks() {
    let vendor = Vendor::new();
    let path = vendor.file("key");
    let issued = vendor.issue(&format!("--tier pro --days 365 --out {}", path.display()));
    assert!(issued.status.success() && issued.stdout.is_empty(), "{issued:?}");
    let public = vendor.file("public");
    let public = public.to_str().unwrap();
    let named = run(["inspect", path.to_str().unwrap(), "--public", public], "");
    assert_eq!(named.status.code(), Some(0), "{named:?}");

    let found = command(["inspect", "--public", public]).env("ATRION_LICENSE_FILE", &path).output().unwrap();
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    // The first line names the license; further down is the second at which the table was made.
    let license = |table: &[u8]| text(table).lines().next().map(str::to_owned);
    assert_eq!(license(&found.stdout), license(&named.stdout));
    assert!(license(&named.stdout).is_some_and(|line| line.starts_with("License ")), "{named:?}");

    let gone = run(["inspect", "/nonexistent/key"], "");
    assert_eq!(gone.status.code(), Some(6));
    assert!(text(&gone.stdout).contains("[ATL-02]"), "{gone:?}");
}

#[test]
fn a_development_key_passes_only_if_that_is_asked_for() {
    let issue =
        ["issue", "--development", "--tier", "pro", "--sub", "Me", "--kind", "development", "--endless"];
    let output = run(issue, "");
    let key = text(&output.stdout);
    assert_eq!(run(["inspect", "-"], &key).status.code(), Some(6));
    let trusted = run(["inspect", "-", "--development"], &key);
    assert_eq!(trusted.status.code(), Some(0), "{trusted:?}");
    assert!(text(&trusted.stdout).contains("no release trusts it"));
    // The file of the pair signs the same.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/development.private");
    let output =
        run(["issue", "--key", file.to_str().unwrap(), "--tier", "pro", "--sub", "Me", "--days", "9"], "");
    assert_eq!(run(["inspect", "-", "--development"], &text(&output.stdout)).status.code(), Some(3));
}

#[test]
fn what_breaks_a_rule_is_not_signed() {
    let vendor = Vendor::new();
    for args in [
        "--tier pro",
        "--tier gold --days 9",
        "--tier pro --days 0",
        "--tier pro --days 9 --clusters 0",
        "--tier pro --days 9 --grace-days 181",
        "--tier pro --days 9 --features telepathy",
        "--tier pro --endless",
        "--tier pro --issued 2026-01-01 --expires 2025-01-01",
        "--tier pro --issued 2026-01-01 --starts 2026-01-02 --days 9",
        "--tier pro --days 9 --expires 2027-01-01",
        "--tier pro --days 9 --id 42",
    ] {
        let output = vendor.issue(args);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args}: {output:?}");
        assert!(!text(&output.stderr).contains("panicked"), "{output:?}");
    }
}
