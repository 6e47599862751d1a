// SPDX-License-Identifier: Apache-2.0
//! The binary in what an image `FROM scratch` gives it: a root that is read-only and has nothing but
//! the binary, the libraries that it is linked with, and its configuration; a user without a name,
//! capabilities or an environment.
//!
//! `ATRION_TEST_GATEWAY` names another binary, such as the static one of `docs/gateway/Containerfile`.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers speak as tests do

#[allow(dead_code)] // what the tests of sockets need and these do not
#[path = "sockets/binary.rs"]
mod binary;

#[allow(dead_code)] // likewise
#[path = "sockets/support.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use atrion_testbed::{no_small_disk, tests};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use binary::Process;
use support::{eventually, patient, read_until, say, within};

fn main() -> ExitCode {
    // A small disk takes the same namespaces.
    atrion_testbed::run(&[], tests![it_serves_reloads_and_drains => unless no_small_disk])
}

/// Builds the root in a namespace and goes into it, as a user who has no rights there. Each step
/// replaces the one before, so the gateway has the shell's process id.
const IMAGE: &str = r#"
root=$1 config=$2 binary=$3
put() { mkdir -p "$root$(dirname "$2")" && : > "$root$2" && mount --bind "$1" "$root$2" || exit 1; }
mount -t tmpfs -o mode=0755 image "$root" || exit 1
put "$binary" /atrion
for library in $(ldd "$binary" | grep -o '/[^ ]*'); do put "$library" "$library"; done
mkdir -p "$root/etc/atrion" && mount --bind "$config" "$root/etc/atrion" || exit 1
mount -o remount,bind,ro "$root" || exit 1
exec setpriv --no-new-privs -- env -i "$(command -v unshare)" \
    --user --map-user=65532 --map-group=65532 --root="$root" --wd=/ -- \
    /atrion gateway --config /etc/atrion/atrion.toml
"#;

fn start(root: &Path, config: TempDir) -> Process {
    let binary = std::env::var("ATRION_TEST_GATEWAY");
    let binary = binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_atrion").to_owned());
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--", "sh", "-c", IMAGE, "image"]);
    command.arg(root).arg(config.path()).arg(binary);
    Process::of(&mut command, config)
}

impl Process {
    /// A file of proc(5).
    fn proc(&self, file: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.id().to_string()).join(file)
    }

    /// Asserts that it has what an image gives it, and nothing else.
    fn assert_is_confined(&self) {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        for line in ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"] {
            assert!(status.contains(line), "{line} in {status}");
        }
        let users = std::fs::read_to_string(self.proc("uid_map")).unwrap();
        assert_eq!(users.split_whitespace().next(), Some("65532"));
        assert_eq!(std::fs::read(self.proc("environ")).unwrap(), b"");
        let root = std::fs::read_dir(self.proc("root")).unwrap();
        let root: Vec<_> = root.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(
            root.iter().all(|name| ["atrion", "etc"].contains(&&**name) || name.starts_with("lib")),
            "{root:?}"
        );
        let written = std::fs::write(self.proc("root/file"), "").unwrap_err();
        assert_eq!(written.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    }
}

fn file(upstream: SocketAddr) -> String {
    format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\
         tls = {{ certificate = \"cert.pem\", key = \"key.pem\" }}\n\
         [admin]\naddress = \"127.0.0.1:0\"\n\
         [[upstream]]\naddress = \"{upstream}\"\n"
    )
}

/// A folder of configuration, and a client that believes its certificate.
fn config(file: &str) -> (TempDir, TlsConnector) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.path().join("atrion.toml"), file).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (folder, TlsConnector::from(Arc::new(client)))
}

async fn it_serves_reloads_and_drains() {
    let (upstream, go) = patient().await;
    let (root, (config, client)) = (tempfile::tempdir().unwrap(), config(&file(upstream)));
    let mut image = start(root.path(), config);
    image.assert_is_confined();

    let held = TcpStream::connect(image.address).await.unwrap();
    let mut held = within(client.connect(ServerName::try_from("localhost").unwrap(), held)).await.unwrap();
    say(&mut held, "GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    eventually(async || image.metric("atrion_admission_active_requests{").await > 0).await;
    let changed = file(upstream) + "[[route]]\nmatch = \"GET /{id}\"\n";
    std::fs::write(image.folder.path().join("atrion.toml"), changed).unwrap();
    image.signal("HUP");
    eventually(async || image.metric("atrion_gateway_reloads_total{result=\"done\"").await > 0).await;

    image.signal("TERM");
    eventually(async || TcpStream::connect(image.address).await.is_err()).await;
    go.send_replace(true);
    let answer = read_until(&mut held, "ok").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(image.ended().await.success());
}
